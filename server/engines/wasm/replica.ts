import type { Plan, StatePiece } from '../../compiler/plan.ts'
import { initial, Scalars } from '../../compiler/scalars.ts'
import { bytesOf, type Dtype, narrow, widen } from '../dtypes.ts'
import type { Replica, SavedPiece, Start, StepInput, StepOutput } from '../engine.ts'
import type { Arena } from './arena.ts'
import type { Format } from './formats.ts'
import type { WasmPrograms } from './program.ts'
import { OutOfArena, Run } from './run.ts'
import type { Threads } from './threads.ts'

/** Number type in which a piece of state is kept: scalars live on the host. */
export const typeOf = ({ definition: { extent, type } }: StatePiece): Dtype => {
  if (extent !== 'element') return 'F64'
  return type === 'BF16' ? 'BF16' : 'F32'
}

/** The state of a session in an arena; its scalars are kept beside, in float64. */
export class WasmReplica implements Replica {
  readonly #plan: Plan
  readonly #arena: Arena
  readonly #programs: WasmPrograms
  readonly #threads: Threads
  /** By place in `plan.state`: the address of an element slot. */
  readonly #addresses: readonly number[]
  readonly #release: () => void
  #scalars: Float64Array

  /** `release` is called when the session has left the arena. */
  constructor(
    plan: Plan,
    start: Start,
    arena: Arena,
    programs: WasmPrograms,
    threads: Threads,
    release: () => void,
  ) {
    this.#plan = plan
    this.#arena = arena
    this.#programs = programs
    this.#threads = threads
    this.#release = release
    this.#scalars = new Float64Array(plan.state.length)
    this.#addresses = plan.state.map((piece, i) => {
      const value = startOf(plan, piece, i, start)
      if (piece.definition.extent === 'element') return this.#place(piece, value)
      this.#scalars[i] =
        typeof value === 'number' ? value : (widen({ dtype: 'F64', bytes: value })[0] ?? Number.NaN)
      return 0
    })
  }

  #place(piece: StatePiece, value: number | Uint8Array): number {
    const dtype = typeOf(piece)
    const length = piece.size * bytesOf[dtype]
    const at = this.#arena.take(length)
    if (at === undefined) throw new OutOfArena(length)
    const bytes = this.#arena.bytes(at, length)
    if (typeof value !== 'number') bytes.set(value)
    else if (dtype === 'F32') new Float32Array(bytes.buffer, at, piece.size).fill(value)
    else
      new Uint16Array(bytes.buffer, at, piece.size).fill(
        new Uint16Array(narrow(Float64Array.of(value), dtype).buffer)[0] ?? 0,
      )
    return at
  }

  async step(input: StepInput): Promise<StepOutput> {
    const { plan, options, loss = Number.NaN, want, gradients, parameters } = input
    const wanted = want?.of === 'updates' ? (want.dtype as Format) : undefined
    const program = this.#programs.of(plan, {
      gradient: gradients.dtype as Format,
      parameter: (parameters?.dtype ?? 'F32') as Format,
      update: wanted,
    })
    const scalars = new Scalars(plan, { options, loss, state: this.#scalars })
    const run = new Run(plan, this.#arena, scalars, this.#addresses)
    try {
      run.place('gradient', gradients)
      if (parameters !== undefined) run.place('parameter', parameters)
      if (wanted !== undefined) run.reserve('update', wanted)
      for (const [group, rows] of program.rowArrays.entries()) run.reserveRows(group, rows.length)
      for (const [index, passes] of program.stages.entries()) {
        scalars.stage(index)
        for (const pass of passes) await run.pass(pass, this.#threads)
      }
      this.#scalars = scalars.commit()
      const shown = new Map([...plan.exposed].map(([name, x]) => [name, scalars.get(x, 0)]))
      if (want === undefined) return { scalars: shown }
      const parts = wanted !== undefined ? run.read('update', wanted) : this.#parameters(want.dtype)
      return { scalars: shown, parts }
    } finally {
      run.end()
    }
  }

  #parameters(dtype: Dtype): Uint8Array[] {
    const pieces = this.#plan.state
      .map((piece, i) => ({ piece, i }))
      .filter(({ piece }) => piece.slot === 'params')
    return pieces.map(({ piece, i }) => converted(this.#read(piece, i), dtype))
  }

  #read(piece: StatePiece, i: number): SavedPiece {
    const dtype = typeOf(piece)
    if (dtype === 'F64') return { dtype, bytes: narrow(this.#scalars.subarray(i, i + 1), 'F64') }
    const bytes = this.#arena.bytes(this.#addresses[i] ?? 0, piece.size * (dtype === 'F32' ? 4 : 2))
    return { dtype, bytes: Uint8Array.from(bytes) }
  }

  async save(): Promise<readonly SavedPiece[]> {
    return this.#plan.state.map((piece, i) => this.#read(piece, i))
  }

  close(): void {
    for (const at of this.#addresses) if (at > 0) this.#arena.give(at)
    this.#release()
  }
}

/** What a piece starts as: bytes, or one number for all of it. */
function startOf(plan: Plan, piece: StatePiece, i: number, start: Start): number | Uint8Array {
  const dtype = typeOf(piece)
  if ('saved' in start) {
    const saved = start.saved[i]
    if (saved === undefined) throw new Error(`There is no saved piece ${i} of ${plan.state.length}`)
    return converted(saved, dtype)
  }
  const { init } = piece.definition
  if (init !== 'parameters') return initial(plan, init, start.options)
  const bytes = start.parameters?.parts[piece.tensor ?? 0]
  if (start.parameters === undefined || bytes === undefined)
    throw new Error('State starts as the parameters, and there are none')
  return converted({ dtype: start.parameters.dtype, bytes }, dtype)
}

const converted = ({ dtype, bytes }: SavedPiece, to: Dtype): Uint8Array =>
  dtype === to ? bytes : narrow(widen({ dtype, bytes }), to)
