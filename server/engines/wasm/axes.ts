import { neutral } from '../../compiler/float64.ts'
import type { Pass, Phase, Reduction } from '../../compiler/plan.ts'
import type { Combine, Expr, Primitive } from '../../expression/index.ts'
import { Code, encodeModule } from './encoder.ts'
import { type Format, load, shiftOf, store, storeLanes } from './formats.ts'
import { accumulate, imports, ops, type Sums, total } from './ops.ts'
import type { Formats } from './sweep.ts'

/**
 * A pass that reads or makes vectors, as machine code. `run(block, begin, end, partials)` treats the slices from begin
 * to end along the first axis of one tensor. A slice is `middle` runs of `inner` elements: along a run each vector
 * either varies with the elements or does not vary. The block holds, in words of 4 bytes: `middle`; `inner`; the address of a
 * table of where each run lies in values that keep the same axes; the address of each array; for each set of kept axes
 * how far two slices lie apart; each uniform as float32.
 */
export interface AxesKernel {
  readonly bytes: Uint8Array<ArrayBuffer>
  /** As in other kernels, and `vector <k>` as float32, `over <k>` as float64. */
  readonly arrays: readonly string[]
  readonly uniforms: readonly Expr[]
  readonly reductions: readonly Reduction[]
  /** Vectors that are read, and those that are made: what `over <k>` holds is joined with what is found. */
  readonly vectors: readonly Expr[]
  readonly over: readonly Reduction[]
  /** Sets of axes that vectors keep. */
  readonly sets: readonly (readonly number[])[]
  readonly scratch: 0
}

const [block, begin, end, partials] = [0, 1, 2, 3]

/** `rowArrays` are the reductions of rows that some later pass reads. */
export function writeAxesKernel(
  pass: Pass,
  formats: Formats,
  rowArrays: readonly Expr[],
  vectors: ReadonlySet<Expr>,
): AxesKernel {
  return new Writer(pass, formats, rowArrays, vectors).write()
}

/** Vectors of four elements that one turn of a loop treats, as far as its code stays short. */
const widest = 4
const longest = 96

/** An array in the course of a run: what it is addressed by, and by how much an element moves that. */
interface Stream {
  readonly point: number
  readonly shift: number
}

class Writer {
  readonly #code = new Code(4)
  readonly #phases: readonly Phase[]
  readonly #formats: Formats
  readonly #rowArrays: readonly Expr[]
  readonly #read: readonly Expr[]
  readonly #made: readonly Reduction[]
  /** What is known of a row before it is gone through: reductions of earlier phases, and what is made of them. */
  readonly #ofRow = new Set<Expr>()
  readonly #isVector: (x: Expr) => boolean
  readonly #sets: readonly (readonly number[])[]
  readonly #arrays = new Map<string, number>()
  readonly #strides: readonly number[]
  readonly #offsets: readonly number[]
  readonly #uniforms = new Map<Expr, number>()
  readonly #values = new Map<Expr, number>()
  readonly #sums = new Map<Expr, Sums>()
  readonly #streams = new Map<string, Stream>()
  readonly #row = this.#code.local('i32')
  readonly #element = this.#code.local('i32')
  readonly #middle = this.#code.local('i32')
  readonly #inner = this.#code.local('i32')
  readonly #table = this.#code.local('i32')
  readonly #index = this.#code.local('i32')
  readonly #count = this.#code.local('i32')
  readonly #mask = this.#code.local('v128')

  constructor({ phases }: Pass, formats: Formats, rowArrays: readonly Expr[], vectors: ReadonlySet<Expr>) {
    this.#phases = phases
    this.#formats = formats
    this.#rowArrays = rowArrays
    this.#isVector = (x) => vectors.has(x)
    this.#read = [...new Set(phases.flatMap(({ program }) => program.filter(this.#isVector)))]
    this.#made = phases.flatMap(({ reductions }) => reductions.filter(({ value }) => vectors.has(value)))
    for (const x of phases.flatMap(({ program }) => program))
      if (
        x.extent === 'axes' &&
        !vectors.has(x) &&
        x.args.every((arg) => isScalar(arg) || this.#ofRow.has(arg) || x.node.op === 'reduce')
      )
        this.#ofRow.add(x)
    const kept = [...this.#read, ...this.#made.map(({ value }) => value)].map((x) => x.kept)
    this.#sets = [...new Map(kept.map((set) => [set.join(), set])).values()]
    this.#strides = this.#sets.map(() => this.#code.local('i32'))
    this.#offsets = this.#sets.map(() => this.#code.local('i32'))
  }

  write(): AxesKernel {
    const code = this.#code
    this.#loadBlock()
    const reductions = this.#phases.flatMap((phase) =>
      phase.reductions.filter(({ value }) => value.extent === 'tensor'),
    )
    for (const { value, combine } of reductions) this.#reset(value, combine)
    code.get(begin).set(this.#row)
    code.while(
      () => code.get(this.#row, end).op('i32_lt_u'),
      () => {
        for (const phase of this.#phases) this.#slice(phase)
        code.get(this.#row).i32(1).op('i32_add').set(this.#row)
      },
    )
    reductions.forEach(({ value, combine }, k) => {
      code.get(partials)
      total(code, combine, this.#sumsOf(value))
      code.memory('f64_store', 8 * k)
    })
    return {
      bytes: encodeModule(code, 4, imports),
      arrays: [...this.#arrays.keys()],
      uniforms: [...this.#uniforms.keys()],
      reductions,
      vectors: this.#read,
      over: this.#made,
      sets: this.#sets,
      scratch: 0,
    }
  }

  #loadBlock(): void {
    const code = this.#code
    const needed = new Set<string>()
    const uniforms = new Set<Expr>()
    const own = new Set(this.#phases.flatMap(({ reductions }) => reductions.map(({ value }) => value)))
    for (const { program, stores, update, reductions } of this.#phases) {
      for (const x of program) {
        if (this.#isVector(x)) needed.add(this.#vectorName(x))
        else if (x.node.op === 'reduce' ? !own.has(x) : x.args.length === 0) needed.add(this.#nameOf(x))
        else if (x.node.op !== 'reduce') for (const arg of x.args) if (isScalar(arg)) uniforms.add(arg)
      }
      for (const { slot, value } of stores) {
        needed.add(`slot ${slot}`)
        if (isScalar(value)) uniforms.add(value)
      }
      for (const { value, of } of reductions) {
        if (this.#isVector(value)) needed.add(this.#overName(value))
        else if (this.#rowArrays.includes(value)) needed.add(this.#nameOf(value))
        if (isScalar(of)) uniforms.add(of)
      }
      if (update !== undefined && this.#formats.update !== undefined) {
        needed.add('update')
        if (isScalar(update)) uniforms.add(update)
      }
    }
    let word = 0
    const next = (local: number) =>
      code
        .get(block)
        .memory('i32_load', 4 * word++)
        .set(local)
    for (const local of [this.#middle, this.#inner, this.#table]) next(local)
    for (const name of needed) {
      this.#arrays.set(name, code.local('i32'))
      next(this.#array(name))
    }
    for (const local of this.#strides) next(local)
    for (const x of uniforms) {
      code
        .get(block)
        .memory('v128_load32_splat', 4 * word++)
        .set(this.#local(x))
      this.#uniforms.set(x, this.#local(x))
    }
    code.get(this.#inner).i32(3).op('i32_and').tee(this.#count)
    code.op('i32x4_splat').set(this.#mask)
    code.v128(0, 1, 2, 3).get(this.#mask).op('i32x4_lt_s').set(this.#mask)
  }

  #vectorName = (x: Expr) => `vector ${this.#read.indexOf(x)}`
  #overName = (x: Expr) => `over ${this.#made.findIndex(({ value }) => value === x)}`

  #nameOf(x: Expr): string {
    if (x.node.op === 'reduce') return `row ${this.#rowArrays.indexOf(x)}`
    return x.node.op === 'slot' ? `slot ${x.node.slot}` : x.node.op
  }

  #array(name: string): number {
    const local = this.#arrays.get(name)
    if (local === undefined) throw new Error(`The kernel has no array ${name}`)
    return local
  }

  #offsetOf({ kept }: Expr): number {
    return this.#offsets[this.#sets.findIndex((set) => set.join() === kept.join())] ?? -1
  }

  /** One slice through one phase: reductions of the row are complete at its end. */
  #slice(phase: Phase): void {
    const code = this.#code
    const rows = phase.reductions.filter(({ value }) => value.extent === 'axes' && !this.#isVector(value))
    for (const { value, combine } of rows) this.#reset(value, combine)
    for (const x of phase.program) if (this.#ofRow.has(x)) this.#compute(x, 0)
    const [left, entry] = [code.local('i32'), code.local('i32')]
    code.get(this.#middle).set(left).get(this.#table).set(entry)
    code.get(this.#row, this.#middle).op('i32_mul').get(this.#inner).op('i32_mul').set(this.#element)
    code.while(
      () => code.get(left),
      () => {
        this.#offsets.forEach((offset, k) => {
          code
            .get(this.#row, this.#strides[k] ?? 0)
            .op('i32_mul')
            .get(entry)
          code
            .memory('i32_load', 4 * k)
            .op('i32_add')
            .set(offset)
        })
        this.#run(phase)
        code.get(this.#element, this.#inner).op('i32_add').set(this.#element)
        code
          .get(entry)
          .i32(4 * this.#sets.length)
          .op('i32_add')
          .set(entry)
        code.get(left).i32(1).op('i32_sub').set(left)
      },
    )
    for (const { value, combine } of rows) this.#endRow(value, combine)
  }

  #endRow(value: Expr, combine: Combine): void {
    const code = this.#code
    const single = code.local('f32')
    total(code, combine, this.#sumsOf(value))
    code.op('f32_demote_f64').tee(single).op('f32x4_splat').set(this.#local(value))
    if (!this.#rowArrays.includes(value)) return
    code
      .get(this.#array(this.#nameOf(value)), this.#row)
      .i32(2)
      .op('i32_shl', 'i32_add')
    code.get(single).memory('f32_store')
  }

  /** One run: values that vary along it are treated as elements are, others are one number. */
  #run(phase: Phase): void {
    const code = this.#code
    for (const x of phase.program) {
      if (x.extent !== 'axes' || keepsLast(x) || this.#ofRow.has(x)) continue
      if (this.#isVector(x)) {
        this.#at(this.#vectorName(x), this.#offsetOf(x), 2)
        code.memory('v128_load32_splat').set(this.#local(x))
      } else this.#compute(x, 0)
    }
    const single = phase.reductions.filter(({ value }) => this.#isVector(value) && !keepsLast(value))
    for (const { value, combine } of single) this.#reset(value, combine)
    this.#sweep(phase)
    for (const { value, combine } of single) {
      const point = code.local('i32')
      this.#at(this.#overName(value), this.#offsetOf(value), 3)
      code.tee(point)
      total(code, combine, this.#sumsOf(value))
      code.get(point).memory('v128_load64_zero').lane('f64x2_extract', 0)
      code.op(({ sum: 'f64_add', max: 'f64_max', min: 'f64_min' } as const)[combine]).memory('f64_store')
    }
  }

  /** The address of a number in an array, on the stack. */
  #at(name: string, index: number, shift: number): void {
    this.#code.get(this.#array(name), index).i32(shift).op('i32_shl', 'i32_add')
  }

  /** Some vectors at a time, then one, then what is left. */
  #sweep(phase: Phase): void {
    const code = this.#code
    const streams = this.#open(phase)
    const width = Math.max(1, Math.min(widest, Math.floor(longest / (phase.program.length + 1))))
    code.get(this.#inner).set(this.#index)
    for (const vectors of width > 1 ? [width, 1] : [1])
      code.while(
        () =>
          code
            .i32(4 * vectors)
            .get(this.#index)
            .op('i32_le_u'),
        () => {
          for (let k = 0; k < vectors; k++) this.#treat(phase, k, false)
          for (const { point, shift } of streams)
            code
              .get(point)
              .i32((4 * vectors) << shift)
              .op('i32_add')
              .set(point)
          code
            .get(this.#index)
            .i32(4 * vectors)
            .op('i32_sub')
            .set(this.#index)
        },
      )
    code.get(this.#count)
    code.if(() => this.#treat(phase, 0, true))
  }

  /** Let every array that a phase goes along point to its place at the start of the run. */
  #open({ program, stores, update, reductions }: Phase): Stream[] {
    const along = new Map<string, { readonly from: number; readonly shift: number }>()
    for (const x of program) {
      if (this.#isVector(x)) {
        if (keepsLast(x)) along.set(this.#vectorName(x), { from: this.#offsetOf(x), shift: 2 })
      } else if (x.extent === 'element' && x.args.length === 0)
        along.set(this.#nameOf(x), { from: this.#element, shift: shiftOf[this.#formatOf(x)] })
    }
    for (const { slot } of stores)
      along.set(`slot ${slot}`, { from: this.#element, shift: shiftOf[this.#formats.slot(slot)] })
    for (const { value } of reductions)
      if (this.#isVector(value) && keepsLast(value))
        along.set(this.#overName(value), { from: this.#offsetOf(value), shift: 3 })
    if (update !== undefined && this.#formats.update !== undefined)
      along.set('update', { from: this.#element, shift: shiftOf[this.#formats.update] })
    return [...along].map(([name, { from, shift }]) => {
      const stream = this.#streams.get(name) ?? { point: this.#code.local('i32'), shift }
      this.#streams.set(name, stream)
      this.#at(name, from, shift)
      this.#code.set(stream.point)
      return stream
    })
  }

  #point(name: string): number {
    const stream = this.#streams.get(name)
    if (stream === undefined) throw new Error(`Nothing points into the array ${name}`)
    return stream.point
  }

  /** The `k`-th vector from where the streams point; in a tail only the lanes of the run count. */
  #treat({ program, reductions, stores, update }: Phase, k: number, tail: boolean): void {
    const code = this.#code
    for (const x of program)
      if (x.extent === 'element' || (x.extent === 'axes' && keepsLast(x))) this.#compute(x, k)
    for (const { value, of, combine } of reductions) {
      if (this.#isVector(value) && keepsLast(value)) this.#join(value, of, combine, k, tail)
      else {
        const counted = tail ? this.#masked(of, combine) : this.#local(of)
        accumulate(code, combine, counted, this.#sumsOf(value))
      }
    }
    const write = (name: string, format: Format, value: number) => {
      if (tail) storeLanes(code, format, this.#point(name), value, this.#count)
      else store(code, format, this.#point(name), value, (4 * k) << shiftOf[format])
    }
    for (const { slot, value } of stores)
      write(`slot ${slot}`, this.#formats.slot(slot), this.#flushed(value))
    if (update !== undefined && this.#formats.update !== undefined)
      write('update', this.#formats.update, this.#local(update))
  }

  /** Combine four elements, or the lanes of a tail, with the numbers of a vector that they belong to. */
  #join(value: Expr, of: Expr, combine: Combine, k: number, tail: boolean): void {
    const code = this.#code
    const op = ({ sum: 'f64x2_add', max: 'f64x2_max', min: 'f64x2_min' } as const)[combine]
    const [point, x] = [this.#point(this.#overName(value)), this.#local(of)]
    if (!tail) {
      for (const [half, lanes] of [
        [0, 1, 0, 1],
        [2, 3, 2, 3],
      ].entries()) {
        const offset = 32 * k + 16 * half
        code.get(point, point).memory('v128_load', offset)
        code.get(x, x).shuffle(lanes).op('f64x2_promote_low_f32x4', op).memory('v128_store', offset)
      }
      return
    }
    for (const lane of [0, 1, 2]) {
      code.get(this.#count).i32(lane).op('i32_gt_u')
      code.if(() => {
        code.get(point, point).memory('v128_load64_zero', 8 * lane)
        code.get(x, x).shuffle([lane, lane, lane, lane]).op('f64x2_promote_low_f32x4', op)
        code.memory('v128_store64_lane', 8 * lane, 0)
      })
    }
  }

  #compute(x: Expr, k: number): void {
    const { node, args } = x
    const code = this.#code
    if (this.#isVector(x)) code.get(this.#point(this.#vectorName(x))).memory('v128_load', 16 * k)
    else if (node.op === 'reduce') {
      if (this.#values.has(x)) return
      this.#at(this.#nameOf(x), this.#row, 2)
      code.memory('v128_load32_splat')
    } else if (args.length === 0) {
      const format = this.#formatOf(x)
      code.get(this.#point(this.#nameOf(x)))
      load[format](code, (4 * k) << shiftOf[format])
    } else {
      const [a = 0, b = a, c = a] = args.map((arg) => this.#local(arg))
      ops[node.op as Primitive](code, a, b, c)
    }
    code.set(this.#local(x))
  }

  /** What is kept is 0 where it is below the least normal number. */
  #flushed(x: Expr): number {
    const kept = this.#code.local('v128')
    this.#code.get(this.#local(x), this.#local(x)).op('f32x4_abs')
    this.#code
      .float(2 ** -126)
      .op('f32x4_lt', 'v128_andnot')
      .set(kept)
    return kept
  }

  /** In the lanes beyond the end, what changes no reduction. */
  #masked(x: Expr, combine: Combine): number {
    const masked = this.#code.local('v128')
    this.#code.get(this.#local(x)).float(neutral[combine]).get(this.#mask).op('v128_bitselect').set(masked)
    return masked
  }

  #formatOf({ node }: Expr): Format {
    if (node.op === 'gradient') return this.#formats.gradient
    return node.op === 'slot' ? this.#formats.slot(node.slot) : this.#formats.parameter
  }

  #local(x: Expr): number {
    const local = this.#values.get(x) ?? this.#code.local('v128')
    this.#values.set(x, local)
    return local
  }

  #sumsOf(x: Expr): Sums {
    const local = () => this.#code.local('v128')
    const sums = this.#sums.get(x) ?? [local(), local()]
    this.#sums.set(x, sums)
    return sums
  }

  #reset(x: Expr, combine: Combine): void {
    for (const sum of this.#sumsOf(x)) this.#code.double(neutral[combine]).set(sum)
  }
}

const isScalar = (x: Expr) => x.extent === 'host' || x.extent === 'tree' || x.extent === 'tensor'

/** Whether a vector varies along the runs: these end with the last axis. */
const keepsLast = ({ kept, rank }: Expr) => kept.includes(rank - 1)
