import { sizeOf as elements, type Plan, type StatePiece } from '../../compiler/plan.ts'
import { initial, Scalars } from '../../compiler/scalars.ts'
import { copy, sizeOf, Turns } from '../../turns.ts'
import { bytesOf, Converter, type Dtype, narrow, widen } from '../dtypes.ts'
import type { Lent, Replica, SavedPiece, SavedState, Start, StepInput, StepOutput, Take } from '../engine.ts'
import { Lease } from '../lease.ts'
import { type Arena, OutOfArena } from './arena.ts'
import type { Format } from './formats.ts'
import { RowState } from './gather.ts'
import { Kept } from './kept.ts'
import type { WasmPrograms } from './program.ts'
import { Run } from './run.ts'
import { typeOf } from './state.ts'
import type { Threads } from './threads.ts'

/**
 * Bytes of a reply that are copied out at once: a range each would leave the arena in small pieces. Up to there the
 * buffers of a step stay for the next one.
 */
const few = 2 ** 16

const nothing: ReadonlyMap<string, number> = new Map()

/** The state of a session in an arena; its scalars are kept beside, in float64. */
export class WasmReplica implements Replica {
  readonly #plan: Plan
  readonly #arena: Arena
  readonly #programs: WasmPrograms
  readonly #threads: Threads
  readonly #small: boolean
  /** By place in `plan.state`: the address of an element slot. */
  readonly #addresses: readonly number[]
  /** Bytes that must stay free for the steps to come where a reply is left in the arena. */
  readonly #room: number
  readonly #release: () => void
  readonly #kept: Kept
  #scalars: Float64Array
  #closed = false

  /** To be begun before its first step. `release` is called when the session has left the arena. */
  constructor(
    plan: Plan,
    arena: Arena,
    room: number,
    programs: WasmPrograms,
    threads: Threads,
    kept: Set<Kept>,
    release: () => void,
  ) {
    this.#plan = plan
    this.#arena = arena
    this.#room = room
    this.#programs = programs
    this.#threads = threads
    this.#kept = new Kept(kept)
    this.#small = plan.tensors.reduce((sum, tensor) => sum + 4 * elements(tensor), 0) <= few
    this.#release = release
    this.#scalars = new Float64Array(plan.hosted)
    this.#addresses = plan.state.map((piece) => {
      if (piece.definition.extent !== 'element') return 0
      const length = piece.size * bytesOf[typeOf(piece)]
      const at = arena.take(length)
      if (at === undefined) throw new OutOfArena(length)
      return at
    })
  }

  async begin(start: Start): Promise<void> {
    if ('saved' in start) return this.#restore(start.saved)
    const [converter, turns] = [new Converter(), new Turns()]
    for (const [i, piece] of this.#plan.state.entries())
      await this.#put(i, startOf(this.#plan, piece, start), converter, turns)
  }

  /** Straight to where they are to be, but for what must be converted. */
  async #restore(saved: SavedState): Promise<void> {
    const [converter, turns] = [new Converter(), new Turns()]
    const targets = this.#plan.state.map((piece, i) => {
      const { dtype = 'F64', length = 0 } = saved.pieces[i] ?? {}
      if (length !== piece.size * bytesOf[dtype])
        throw new Error(`Saved piece ${i} has ${length} bytes of ${dtype}, expected ${piece.size} numbers`)
      const direct = piece.definition.extent === 'element' && dtype === typeOf(piece)
      const bytes = direct ? this.#arena.bytes(this.#addresses[i] ?? 0, length) : new Uint8Array(length)
      return { dtype, bytes, direct }
    })
    await saved.read(targets.map(({ bytes }) => bytes))
    for (const [i, target] of targets.entries())
      if (!target.direct) await this.#put(i, target, converter, turns)
  }

  /** A piece of state: from bytes, or one number for all of it. */
  async #put(i: number, given: number | SavedPiece, converter: Converter, turns: Turns): Promise<void> {
    const piece = this.#plan.state[i]
    if (piece === undefined) throw new Error(`There is no piece ${i} of ${this.#plan.state.length}`)
    const value = typeof given === 'number' ? given : await converter.convert(given, typeOf(piece))
    if (piece.definition.extent === 'element') await this.#fill(piece, this.#addresses[i] ?? 0, value, turns)
    else
      this.#host(piece).set(
        typeof value === 'number'
          ? new Float64Array(piece.size).fill(value)
          : widen({ dtype: 'F64', bytes: value }),
      )
  }

  /** A piece of the state that the host keeps. */
  #host({ host = 0, size }: StatePiece): Float64Array {
    return this.#scalars.subarray(host, host + size)
  }

  async #fill(piece: StatePiece, at: number, value: number | Uint8Array, turns: Turns): Promise<void> {
    const dtype = typeOf(piece)
    const bytes = this.#arena.bytes(at, piece.size * bytesOf[dtype])
    if (typeof value !== 'number') {
      await turns.through([value], (slice, begin) => copy(bytes.subarray(begin, begin + slice.length), slice))
      return
    }
    const one = narrow(Float64Array.of(value), dtype)
    await turns.through([bytes], ({ buffer, byteOffset, length }) => {
      if (dtype === 'F32') new Float32Array(buffer, byteOffset, length / 4).fill(value)
      else new Uint16Array(buffer, byteOffset, length / 2).fill(new Uint16Array(one.buffer)[0] ?? 0)
    })
  }

  async step(input: StepInput): Promise<StepOutput> {
    const { plan, options, loss = Number.NaN, want, gradients, parameters, lease } = input
    const wanted = want?.of === 'updates' ? (want.dtype as Format) : undefined
    const program = this.#programs.of(plan, {
      gradient: gradients.dtype as Format,
      parameter: (parameters?.dtype ?? 'F32') as Format,
      update: wanted,
    })
    const { rows } = gradients
    const inputs = { options, loss, state: this.#scalars, rows }
    const state = rows && new RowState(plan, this.#arena, this.#addresses, rows)
    const keeps = program.repeats && this.#small && state === undefined
    const scalars = (keeps ? this.#kept.of(program)?.again(inputs) : undefined) ?? new Scalars(plan, inputs)
    const make = () => new Run(scalars.plan, this.#arena, scalars, state?.addresses ?? this.#addresses)
    const run = keeps ? this.#kept.begin(program, make) : make()
    try {
      // What is done at once is not waited for.
      if (state !== undefined) await state.gather(this.#programs.modules, this.#threads)
      const placing = run.place('gradient', gradients)
      const lent = typeof placing === 'boolean' ? placing : await placing
      if (parameters !== undefined) await run.place('parameter', parameters)
      const mayOverwrite = !lent || lease?.shared === false
      const over = wanted !== undefined && run.reserveUpdates(wanted, gradients.dtype as Format, mayOverwrite)
      for (const [group, rows] of program.rowArrays.entries()) run.reserveRows(group, rows.length)
      run.reserveTemporaries()
      for (const [index, passes] of program.stages.entries()) {
        scalars.stage(index)
        for (const call of plan.stages[index]?.routines ?? [])
          await run.routine(call, this.#programs.modules, this.#threads)
        for (const pass of passes) await run.pass(pass, this.#threads)
      }
      if (state !== undefined) await state.scatter(this.#programs.modules, this.#threads)
      this.#scalars = scalars.commit()
      const shown =
        plan.exposed.size === 0
          ? nothing
          : new Map([...plan.exposed].map(([name, x]) => [name, scalars.get(x, 0)]))
      if (want === undefined) return { scalars: shown }
      if (over && lent && lease !== undefined) {
        lease.hold()
        return { scalars: shown, parts: run.views('update', gradients.dtype as Format), lease }
      }
      if (wanted !== undefined) return { scalars: shown, ...(await this.#updates(run, wanted)) }
      return { scalars: shown, parts: await this.#parameters(want.dtype, scalars.plan, state?.addresses) }
    } finally {
      if (keeps) this.#kept.end()
      else run.end()
      state?.end()
    }
  }

  /** Updates where they were written. Copies where they are few, or where steps to come would lack the room. */
  async #updates(run: Run, format: Format): Promise<Pick<StepOutput, 'parts' | 'lease'>> {
    const views = run.views('update', format)
    if (sizeOf(views) > few && this.#arena.left >= this.#room) {
      const at = run.keep('update')
      return { parts: views, lease: new Lease(() => this.#give([at])) }
    }
    // Few are cut from memory that is shared by many.
    const own = Buffer.allocUnsafe(sizeOf(views))
    await new Turns().through(views, (slice, at) => copy(own.subarray(at, at + slice.length), slice))
    let end = 0
    return {
      parts: views.map(({ length }) => {
        end += length
        return own.subarray(end - length, end)
      }),
    }
  }

  async #parameters(
    dtype: Dtype,
    { state }: Plan,
    addresses = this.#addresses,
  ): Promise<readonly Uint8Array[]> {
    const [turns, converter] = [new Turns(), new Converter()]
    const parts: Uint8Array[] = []
    for (const [i, piece] of state.entries())
      if (piece.slot === 'params')
        parts.push(await converter.convert(await this.#read(piece, addresses[i] ?? 0, turns), dtype))
    return parts
  }

  async save(slot?: string, take?: Take): Promise<readonly SavedPiece[]> {
    const turns = new Turns()
    const saved: SavedPiece[] = []
    for (const [i, piece] of this.#plan.state.entries())
      if (slot === undefined || piece.slot === slot)
        saved.push(await this.#read(piece, this.#addresses[i] ?? 0, turns, take))
    return saved
  }

  async #read(piece: StatePiece, at: number, turns: Turns, take?: Take): Promise<SavedPiece> {
    const dtype = typeOf(piece)
    if (dtype === 'F64') return { dtype, bytes: narrow(this.#host(piece), dtype) }
    return { dtype, bytes: await turns.join([this.#arena.bytes(at, piece.size * bytesOf[dtype])], take) }
  }

  /** For a step of which the buffers are not kept, and where the steps to come have room beside it. */
  lend(bytes: number): Lent | undefined {
    if (this.#small || this.#arena.left < this.#room + bytes) return undefined
    const at = this.#arena.take(bytes)
    if (at === undefined) return undefined
    return { bytes: this.#arena.bytes(at, bytes), lease: new Lease(() => this.#give([at])) }
  }

  close(): void {
    this.#kept.forget()
    this.#closed = true
    this.#give(this.#addresses.filter((at) => at > 0))
  }

  /** What was taken of the arena: replies may be held for longer than the session. */
  #give(addresses: readonly number[]): void {
    for (const at of addresses) this.#arena.give(at)
    if (this.#closed) this.#release()
  }
}

/** What a piece starts as: bytes, or one number for all of it. */
function startOf(
  plan: Plan,
  piece: StatePiece,
  start: Exclude<Start, { saved: unknown }>,
): number | SavedPiece {
  const { init } = piece.definition
  if (init !== 'parameters') return initial(plan, init, start.options)
  const bytes = start.parameters?.parts[piece.tensor ?? 0]
  if (start.parameters === undefined || bytes === undefined)
    throw new Error('State starts as the parameters, and there are none')
  return { dtype: start.parameters.dtype, bytes }
}
