import { combine, neutral } from '../../compiler/float64.ts'
import { type Plan, sizeOf } from '../../compiler/plan.ts'
import type { Scalars } from '../../compiler/scalars.ts'
import type { Tensors } from '../engine.ts'
import type { Arena } from './arena.ts'
import type { Format } from './formats.ts'
import type { CompiledPass } from './program.ts'
import type { Task, Threads } from './threads.ts'

/** Elements that one call of a kernel treats. Fixed, so that sums are the same whatever the number of threads. */
const blockSize = 16384

/** The arena that a session lives in has no room for a step. */
export class OutOfArena extends Error {
  constructor(bytes: number) {
    super(`Cannot take ${bytes} bytes more for a step: a session and its buffers fit in 4 GiB on this engine`)
  }
}

/** One step in the course of being computed: its buffers in the arena. */
export class Run {
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
