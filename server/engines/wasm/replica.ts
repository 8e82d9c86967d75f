import { combine, neutral } from '../../compiler/float64.ts'
import { type Plan, type StatePiece, sizeOf } from '../../compiler/plan.ts'
import { initial, Scalars } from '../../compiler/scalars.ts'
import { bytesOf, type Dtype, narrow, widen } from '../dtypes.ts'
import type { Replica, SavedPiece, Start, StepInput, StepOutput, Tensors } from '../engine.ts'
import type { Arena } from './arena.ts'
import type { Format } from './formats.ts'
import type { CompiledPass, WasmPrograms } from './program.ts'
import type { Task, Threads } from './threads.ts'

/** Elements that one call of a kernel treats. Fixed, so that sums are the same whatever the number of threads. */
const blockSize = 16384

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

/** The arena that a session lives in has no room for a step. */
class OutOfArena extends Error {
  constructor(bytes: number) {
    super(`Cannot take ${bytes} bytes more for a step: a session and its buffers fit in 4 GiB on this engine`)
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

/** One step in the course of being computed: its buffers in the arena. */
class Run {
  readonly #plan: Plan
  readonly #arena: Arena
  readonly #scalars: Scalars
  readonly #slots = new Map<string, number>()
  /** Addresses by the array's name and the tensor. */
  readonly #arrays = new Map<string, number[]>()
  readonly #taken: number[] = []

  constructor(plan: Plan, arena: Arena, scalars: Scalars, addresses: readonly number[]) {
    this.#plan = plan
    this.#arena = arena
    this.#scalars = scalars
    plan.state.forEach(({ slot, tensor, definition }, i) => {
      if (definition.extent === 'element') this.#slots.set(`slot ${slot} ${tensor}`, addresses[i] ?? 0)
    })
  }

  #take(bytes: number): number {
    const at = this.#arena.take(bytes)
    if (at === undefined) throw new OutOfArena(bytes)
    this.#taken.push(at)
    return at
  }

  end(): void {
    for (const at of this.#taken) this.#arena.give(at)
  }

  /** Copy tensors in, back to back. */
  place(name: string, { parts }: Tensors): void {
    let at = this.#take(parts.reduce((sum, part) => sum + part.length, 0))
    const addresses = parts.map((part) => {
      this.#arena.bytes(at, part.length).set(part)
      at += part.length
      return at - part.length
    })
    this.#arrays.set(name, addresses)
  }

  reserve(name: string, format: Format): void {
    const size = format === 'F32' ? 4 : 2
    const sizes = this.#plan.tensors.map((tensor) => sizeOf(tensor) * size)
    let at = this.#take(sizes.reduce((sum, bytes) => sum + bytes, 0))
    this.#arrays.set(
      name,
      sizes.map((bytes) => {
        at += bytes
        return at - bytes
      }),
    )
  }

  reserveRows(group: number, count: number): void {
    for (let k = 0; k < count; k++) {
      const addresses = this.#arrays.get(`row ${k}`) ?? []
      for (const tensor of this.#plan.groups[group]?.tensors ?? [])
        addresses[tensor] = this.#take(4 * (this.#plan.tensors[tensor]?.shape[0] ?? 1))
      this.#arrays.set(`row ${k}`, addresses)
    }
  }

  /** Copies of what was written, one piece a tensor. */
  read(name: string, format: Format): Uint8Array[] {
    const size = format === 'F32' ? 4 : 2
    return this.#plan.tensors.map((tensor, i) =>
      Uint8Array.from(this.#arena.bytes(this.#arrays.get(name)?.[i] ?? 0, sizeOf(tensor) * size)),
    )
  }

  async pass({ pass, kernel, module }: CompiledPass, threads: Threads): Promise<void> {
    const tensors = this.#plan.groups[pass.group]?.tensors ?? []
    const tasks: Task[] = []
    const width = 8 * kernel.reductions.length
    const sums: { tensor: number; at: number; blocks: number }[] = []
    for (const index of tensors) {
      const tensor = this.#plan.tensors[index]
      if (tensor === undefined) continue
      const rows = tensor.shape[0] ?? 1
      const length = kernel.rows ? sizeOf(tensor) / rows : 1
      const total = kernel.rows ? rows : sizeOf(tensor)
      const each = kernel.rows ? Math.max(1, Math.floor(blockSize / length)) : blockSize
      const blocks = Math.ceil(total / each)
      const at = width > 0 ? this.#take(width * blocks) : 0
      const block = this.#block(kernel, index, length)
      for (let k = 0; k < blocks; k++)
        tasks.push({ block, begin: k * each, end: Math.min(total, (k + 1) * each), partials: at + k * width })
      sums.push({ tensor: index, at, blocks })
    }
    const work = tensors.reduce(
      (sum, i) => sum + sizeOf(this.#plan.tensors[i] ?? { shape: [], name: '', rank: 0 }),
      0,
    )
    await threads.run(this.#arena, module, tasks, work)
    for (const { tensor, at, blocks } of sums) this.#reduce(kernel, tensor, at, blocks)
  }

  #block({ arrays, uniforms }: CompiledPass['kernel'], tensor: number, length: number): number {
    const at = this.#take(4 * (1 + arrays.length + uniforms.length))
    const words = new Uint32Array(this.#arena.memory.buffer, at)
    const floats = new Float32Array(this.#arena.memory.buffer, at)
    words[0] = length
    arrays.forEach((name, i) => {
      words[1 + i] = this.#slots.get(`${name} ${tensor}`) ?? this.#arrays.get(name)?.[tensor] ?? 0
    })
    uniforms.forEach((x, i) => {
      floats[1 + arrays.length + i] = this.#scalars.get(x, tensor)
    })
    return at
  }

  /** Add up what the blocks came to, in their order. */
  #reduce({ reductions }: CompiledPass['kernel'], tensor: number, at: number, blocks: number): void {
    if (reductions.length === 0) return
    const partials = new Float64Array(this.#arena.memory.buffer, at, blocks * reductions.length)
    reductions.forEach(({ value, combine: how }, k) => {
      let sum: number = neutral[how]
      for (let b = 0; b < blocks; b++) sum = combine[how](sum, partials[b * reductions.length + k] ?? 0)
      this.#scalars.set(value, tensor, sum)
    })
  }
}
