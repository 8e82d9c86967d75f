import { lengthOf } from '../../compiler/axes.ts'
import { combine, neutral } from '../../compiler/float64.ts'
import {
  callsOn,
  declaredIn,
  type Plan,
  type Reduction,
  type RoutineCall,
  sizeOf,
} from '../../compiler/plan.ts'
import { rowLength } from '../../compiler/rows.ts'
import type { Scalars } from '../../compiler/scalars.ts'
import type { Tensor } from '../../expression/index.ts'
import { sizeOf as bytesIn, copy, Turns } from '../../turns.ts'
import type { Tensors } from '../engine.ts'
import { type Arena, OutOfArena } from './arena.ts'
import type { AxesKernel } from './axes.ts'
import type { Block, Call, Part } from './call.ts'
import type { Format } from './formats.ts'
import type { Kernel } from './kernel.ts'
import type { Compiled, Modules } from './modules.ts'
import type { CompiledKernel, CompiledPass } from './program.ts'
import { runRoutine } from './routines/index.ts'
import { batchOf, layoutFor } from './rows.ts'
import { runsOf } from './runs.ts'
import type { Task, Threads } from './threads.ts'

/** Elements that one call of a kernel treats. Fixed, so that sums are the same whatever the number of threads. */
const blockSize = 65536

/** Blocks of a tensor that may each have a copy of the vectors they make. Fixed, for the same reason. */
const copies = 8

/** Addresses of arrays one after the other. */
const backToBack = (at: number, arrays: readonly { readonly length: number }[]): number[] => {
  let end = at
  return arrays.map(({ length }) => {
    end += length
    return end - length
  })
}

/** A step in the course of being computed, or one after the other of equal form: its buffers in the arena. */
export class Run {
  readonly #plan: Plan
  readonly #arena: Arena
  readonly #scalars: Scalars
  readonly #slots = new Map<string, number>()
  /** Addresses by the array's name and the tensor. */
  readonly #arrays = new Map<string, number[]>()
  readonly #taken: number[] = []
  readonly #views = new Map<string, Uint8Array[]>()
  readonly #calls = new Map<CompiledKernel, Call>()

  constructor(plan: Plan, arena: Arena, scalars: Scalars, addresses: readonly number[]) {
    this.#plan = plan
    this.#arena = arena
    this.#scalars = scalars
    plan.state.forEach(({ slot, tensor, definition }, i) => {
      if (definition.extent === 'element') this.#slots.set(`slot ${slot} ${tensor}`, addresses[i] ?? 0)
    })
  }

  get scalars(): Scalars {
    return this.#scalars
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

  /** Copy tensors in, back to back, unless they are in the arena: true then. */
  place(name: string, { parts }: Tensors): boolean | Promise<boolean> {
    if (parts[0] !== undefined && this.#arena.has(parts[0])) {
      this.#arrays.set(
        name,
        Array.from(parts, ({ byteOffset }) => byteOffset),
      )
      return true
    }
    const known = this.#arrays.get(name)
    const at = known?.[0] ?? this.#take(bytesIn(parts))
    if (known === undefined) this.#arrays.set(name, backToBack(at, parts))
    const copying = new Turns().through(parts, (slice, begin) =>
      copy(this.#arena.bytes(at + begin, slice.length), slice),
    )
    return copying === undefined ? false : copying.then(() => false)
  }

  /**
   * Room for the updates: that of the gradients, if it may be and these are of the same number type; true then. As with
   * state, only the last pass writes, and it reads an element before it writes there.
   */
  reserveUpdates(format: Format, gradient: Format, over: boolean): boolean {
    const gradients = this.#arrays.get('gradient') ?? []
    const theirs = over && format === gradient && gradients.length === this.#plan.tensors.length
    if (theirs) this.#arrays.set('update', gradients)
    else this.#reserve('update', format)
    return theirs
  }

  #reserve(name: string, format: Format): void {
    if (this.#arrays.has(name)) return
    const size = format === 'F32' ? 4 : 2
    const arrays = declaredIn(this.#plan).map((tensor) => ({ length: sizeOf(tensor) * size }))
    const at = this.#take(arrays.reduce((sum, { length }) => sum + length, 0))
    this.#arrays.set(name, backToBack(at, arrays))
  }

  reserveRows(group: number, count: number): void {
    for (let k = 0; k < count; k++) {
      const addresses = this.#arrays.get(`row ${k}`) ?? []
      for (const tensor of this.#plan.groups[group]?.tensors ?? [])
        addresses[tensor] ??= this.#take(4 * (this.#plan.tensors[tensor]?.shape[0] ?? 1))
      this.#arrays.set(`row ${k}`, addresses)
    }
  }

  /** What routines read and make. */
  reserveTemporaries(): void {
    for (const [group, slots] of this.#plan.temporaries.entries())
      for (const tensor of this.#plan.groups[group]?.tensors ?? [])
        for (const slot of slots)
          this.#address(`slot ${slot}`, tensor, this.#take(4 * sizeOf(this.#tensor(tensor))))
  }

  async routine(call: RoutineCall, modules: Modules, threads: Threads): Promise<void> {
    const bench = {
      memory: this.#arena.memory,
      take: (bytes: number) => this.#take(bytes),
      compile: (bytes: Uint8Array<ArrayBuffer>) => modules.compile(bytes),
      run: async (module: Compiled, tasks: readonly Task[], work: number, apart = false) =>
        threads.run(this.#arena, module, tasks, work, apart),
    }
    const at = (slot: string, index: number) => this.#arrays.get(`slot ${slot}`)?.[index] ?? 0
    for (const { index, args } of callsOn(this.#plan, call)) {
      const given = args.map((arg) =>
        'slot' in arg ? at(arg.slot, arg.index) : this.#scalars.get(arg.value, index),
      )
      const of = (k: number) => this.#tensor(args[k]?.index ?? index)
      const before = this.#taken.length
      await runRoutine(bench, call.routine, given, at(call.to, index), this.#tensor(index), of)
      // The next tensor finds room where this one had its own.
      for (const own of this.#taken.splice(before)) this.#arena.give(own)
    }
  }

  /** What was written, one piece a tensor: good until the end, or until it is given back where it is kept. */
  views(name: string, format: Format): Uint8Array[] {
    const size = format === 'F32' ? 4 : 2
    const views =
      this.#views.get(name) ??
      declaredIn(this.#plan).map((tensor, i) =>
        this.#arena.bytes(this.#arrays.get(name)?.[i] ?? 0, sizeOf(tensor) * size),
      )
    this.#views.set(name, views)
    return views
  }

  /** Leave an array where it is: the caller gives it back to the arena, at this address. */
  keep(name: string): number {
    const [at = 0] = this.#arrays.get(name) ?? []
    this.#taken.splice(this.#taken.indexOf(at), 1)
    return at
  }

  async pass({ pass, kernels }: CompiledPass, threads: Threads): Promise<void> {
    const tensors = this.#plan.groups[pass.group]?.tensors ?? []
    for (const compiled of kernels) {
      const { kernel, module } = compiled
      const call =
        this.#calls.get(compiled) ??
        this.#call(
          kernel,
          kernels.length === 1 ? tensors : tensors.filter((index) => this.#suits(kernel, index)),
        )
      this.#calls.set(compiled, call)
      for (const { begin } of call.parts) begin()
      const running = call.tasks.length > 0 && threads.run(this.#arena, module, call.tasks, call.work)
      if (running) await running
      for (const { end } of call.parts) end()
    }
  }

  #call(kernel: Kernel | AxesKernel, tensors: readonly number[]): Call {
    const parts = tensors.map((index) =>
      'sets' in kernel ? this.#cutAxes(kernel, index) : this.#cut(kernel, index),
    )
    const work = tensors.reduce((sum, index) => sum + sizeOf(this.#tensor(index)), 0)
    return { parts, tasks: parts.flatMap((part) => part.tasks), work }
  }

  /** Whether a kernel's layout is the one for a tensor's rows. */
  #suits(kernel: Kernel | AxesKernel, index: number): boolean {
    const tensor = this.#tensor(index)
    return 'layout' in kernel && kernel.layout === layoutFor(rowLength(tensor))
  }

  #tensor(index: number): Tensor {
    const tensor = this.#plan.tensors[index]
    if (tensor === undefined) throw new Error(`The plan has no tensor ${index}`)
    return tensor
  }

  /** A tensor in blocks of elements, or of rows. */
  #cut(kernel: Kernel, index: number): Part {
    const tensor = this.#tensor(index)
    const [length, total] =
      kernel.layout === 'elements' ? [1, sizeOf(tensor)] : [rowLength(tensor), tensor.shape[0] ?? 1]
    const block = this.#block([length, batchOf(length)], kernel, index, [])
    return this.#tasks(kernel, index, total, Math.max(1, Math.floor(blockSize / length)), () => block)
  }

  /**
   * A tensor in blocks of slices along its first axis. Where blocks would meet in one vector each has a copy of its
   * own, and there are few of them.
   */
  #cutAxes(kernel: AxesKernel, index: number): Part {
    const tensor = this.#tensor(index)
    const { slices, middle, inner, strides, table } = runsOf(tensor, kernel.sets)
    const entries = this.#take(table.byteLength)
    new Uint32Array(this.#arena.memory.buffer, entries, table.length).set(table)
    kernel.vectors.forEach((x, k) => {
      const values = this.#scalars.vector(x, index)
      const at = this.#take(4 * values.length)
      new Float32Array(this.#arena.memory.buffer, at, values.length).set(values)
      this.#address(`vector ${k}`, index, at)
    })
    const meet = kernel.over.some(({ value }) => !value.kept.includes(0))
    const most = Math.max(1, Math.min(copies, Math.ceil(slices / copies)))
    const fewest = meet ? Math.ceil(slices / most) : 1
    const each = Math.max(fewest, Math.floor(blockSize / (middle * inner)), 1)
    const made: Float64Array[][] = kernel.over.map(() => [])
    const outputs = () =>
      kernel.over.forEach(({ value, combine: how }, k) => {
        const length = lengthOf(value, tensor)
        const at = this.#take(8 * length)
        made[k]?.push(new Float64Array(this.#arena.memory.buffer, at, length).fill(neutral[how]))
        this.#address(`over ${k}`, index, at)
      })
    const newBlock = () => {
      outputs()
      return this.#block([middle, inner, entries], kernel, index, strides)
    }
    const shared = meet ? undefined : newBlock()
    const { tasks, begin, end } = this.#tasks(kernel, index, slices, each, () => shared ?? newBlock())
    return {
      tasks,
      begin,
      end: () => {
        end()
        kernel.over.forEach(({ value, combine: how }, k) => {
          const none = new Float64Array(lengthOf(value, tensor)).fill(neutral[how])
          const [first = none, ...others] = made[k] ?? []
          const join = combine[how]
          const sum = (x: number, i: number) => others.reduce((so, other) => join(so, other[i] ?? 0), x)
          this.#scalars.setVector(value, index, first.map(sum))
        })
      },
    }
  }

  #address(name: string, tensor: number, at: number): void {
    const addresses = this.#arrays.get(name) ?? []
    addresses[tensor] = at
    this.#arrays.set(name, addresses)
  }

  #tasks(
    { reductions, scratch }: Kernel | AxesKernel,
    tensor: number,
    total: number,
    each: number,
    block: () => Block,
  ): Part {
    const blocks = Math.ceil(total / each)
    const width = 8 * reductions.length + scratch
    const at = width > 0 ? this.#take(width * blocks) : 0
    const told = Array.from({ length: blocks }, block)
    const tasks = told.map((one, k) => ({
      block: one.at,
      begin: k * each,
      end: Math.min(total, (k + 1) * each),
      partials: at + k * width,
    }))
    const fills = [...new Set(told.map(({ fill }) => fill))]
    return {
      tasks,
      begin: () => {
        for (const fill of fills) fill()
      },
      end: () => this.#reduce(reductions, tensor, at, blocks, width / 8),
    }
  }

  /** What a kernel is told of a tensor: the numbers first, addresses, the numbers last, uniforms. */
  #block(
    first: readonly number[],
    { arrays, uniforms }: Kernel | AxesKernel,
    tensor: number,
    last: readonly number[],
  ): Block {
    const at = this.#take(4 * (first.length + arrays.length + last.length + uniforms.length))
    const addresses = arrays.map(
      (name) => this.#slots.get(`${name} ${tensor}`) ?? this.#arrays.get(name)?.[tensor] ?? 0,
    )
    const told = [...first, ...addresses, ...last]
    new Uint32Array(this.#arena.memory.buffer, at, told.length).set(told)
    const floats = new Float32Array(this.#arena.memory.buffer, at + 4 * told.length, uniforms.length)
    const fill = () => {
      for (const [i, x] of uniforms.entries()) floats[i] = this.#scalars.get(x, tensor)
    }
    return { at, fill }
  }

  /** Add up what the blocks came to, in their order. */
  #reduce(reductions: readonly Reduction[], tensor: number, at: number, blocks: number, width: number): void {
    if (reductions.length === 0) return
    const partials = new Float64Array(this.#arena.memory.buffer, at, blocks * width)
    reductions.forEach(({ value, combine: how }, k) => {
      let sum: number = neutral[how]
      for (let b = 0; b < blocks; b++) sum = combine[how](sum, partials[b * width + k] ?? 0)
      this.#scalars.set(value, tensor, sum)
    })
  }
}
