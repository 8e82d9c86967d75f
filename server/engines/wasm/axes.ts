import type { Pass, Phase, Reduction } from '../../compiler/plan.ts'
import type { Combine, Expr, Primitive } from '../../expression/index.ts'
import { type Code, encodeModule } from './encoder.ts'
import { type Format, load, shiftOf, store, storeLanes } from './formats.ts'
import { Operands } from './operands.ts'
import { accumulate, imports, ops, total } from './ops.ts'
import { begin, end, type Formats, partials } from './sweep.ts'

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
  readonly #on: Operands
  readonly #code: Code
  readonly #phases: readonly Phase[]
  readonly #strides: readonly number[]
  /** Where the run lies in what keeps each set. */
  readonly #offsets: readonly number[]
  readonly #streams = new Map<string, Stream>()
  readonly #row: number
  /** The first element of the run. */
  readonly #element: number
  readonly #middle: number
  readonly #inner: number
  readonly #table: number
  /** Elements of the run that are left. */
  readonly #left: number
  readonly #count: number
  readonly #mask: number

  constructor(pass: Pass, formats: Formats, rowArrays: readonly Expr[], vectors: ReadonlySet<Expr>) {
    this.#on = new Operands(pass, formats, rowArrays, vectors)
    this.#phases = pass.phases
    const { code, sets } = this.#on
    this.#code = code
    const local = () => code.local('i32')
    this.#strides = sets.map(local)
    this.#offsets = sets.map(local)
    this.#row = local()
    this.#element = local()
    this.#middle = local()
    this.#inner = local()
    this.#table = local()
    this.#left = local()
    this.#count = local()
    this.#mask = code.local('v128')
  }

  write(): AxesKernel {
    const code = this.#code
    this.#on.loadBlock([this.#middle, this.#inner, this.#table], this.#strides)
    code.get(this.#inner).i32(3).op('i32_and').tee(this.#count)
    code.op('i32x4_splat').set(this.#mask)
    code.v128(0, 1, 2, 3).get(this.#mask).op('i32x4_lt_s').set(this.#mask)
    const reductions = this.#phases.flatMap((phase) =>
      phase.reductions.filter(({ value }) => value.extent === 'tensor'),
    )
    for (const reduction of reductions) this.#on.reset(reduction)
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
      total(code, combine, this.#on.sumsOf(value))
      code.memory('f64_store', 8 * k)
    })
    return {
      bytes: encodeModule(code, 4, imports),
      arrays: this.#on.arrayNames,
      uniforms: this.#on.uniforms,
      reductions,
      vectors: this.#on.read,
      over: this.#on.made,
      sets: this.#on.sets,
      scratch: 0,
    }
  }

  #offsetOf({ kept }: Expr): number {
    return this.#offsets[this.#on.sets.findIndex((set) => set.join() === kept.join())] ?? -1
  }

  /** One slice through one phase: reductions of the row are complete at its end. */
  #slice(phase: Phase): void {
    const code = this.#code
    const rows = phase.reductions.filter(({ value }) => value.extent === 'axes' && !this.#on.isVector(value))
    for (const reduction of rows) this.#on.reset(reduction)
    for (const x of phase.program) if (this.#on.ofRow.has(x)) this.#compute(x, 0)
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
          .i32(4 * this.#on.sets.length)
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
    total(code, combine, this.#on.sumsOf(value))
    code.op('f32_demote_f64').tee(single).op('f32x4_splat').set(this.#on.local(value))
    if (!this.#on.isKept(value)) return
    this.#on.at(this.#on.nameOf(value), this.#row, 2)
    code.get(single).memory('f32_store')
  }

  /** One run: values that vary along it are treated as elements are, others are one number. */
  #run(phase: Phase): void {
    const code = this.#code
    for (const x of phase.program) {
      if (x.extent !== 'axes' || keepsLast(x) || this.#on.ofRow.has(x)) continue
      if (this.#on.isVector(x)) {
        this.#on.at(this.#on.nameOf(x), this.#offsetOf(x), 2)
        code.memory('v128_load32_splat').set(this.#on.local(x))
      } else this.#compute(x, 0)
    }
    const single = phase.reductions.filter(({ value }) => this.#on.isVector(value) && !keepsLast(value))
    for (const reduction of single) this.#on.reset(reduction)
    this.#sweep(phase)
    for (const { value, combine } of single) {
      const point = code.local('i32')
      this.#on.at(this.#on.overName(value), this.#offsetOf(value), 3)
      code.tee(point)
      total(code, combine, this.#on.sumsOf(value))
      code.get(point).memory('v128_load64_zero').lane('f64x2_extract', 0)
      code.op(({ sum: 'f64_add', max: 'f64_max', min: 'f64_min' } as const)[combine]).memory('f64_store')
    }
  }

  /** Some vectors at a time, then one, then what is left. */
  #sweep(phase: Phase): void {
    const code = this.#code
    const streams = this.#open(phase)
    const width = Math.max(1, Math.min(widest, Math.floor(longest / (phase.program.length + 1))))
    code.get(this.#inner).set(this.#left)
    for (const vectors of width > 1 ? [width, 1] : [1])
      code.while(
        () =>
          code
            .i32(4 * vectors)
            .get(this.#left)
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
            .get(this.#left)
            .i32(4 * vectors)
            .op('i32_sub')
            .set(this.#left)
        },
      )
    code.get(this.#count)
    code.if(() => this.#treat(phase, 0, true))
  }

  /** Let every array that a phase goes along point to its place at the start of the run. */
  #open({ program, stores, update, reductions }: Phase): Stream[] {
    const along = new Map<string, { readonly from: number; readonly shift: number }>()
    for (const x of program) {
      if (this.#on.isVector(x)) {
        if (keepsLast(x)) along.set(this.#on.nameOf(x), { from: this.#offsetOf(x), shift: 2 })
      } else if (x.extent === 'element' && x.args.length === 0)
        along.set(this.#on.nameOf(x), { from: this.#element, shift: shiftOf[this.#on.formatOf(x)] })
    }
    for (const { slot } of stores)
      along.set(`slot ${slot}`, { from: this.#element, shift: shiftOf[this.#on.formats.slot(slot)] })
    for (const { value } of reductions)
      if (this.#on.isVector(value) && keepsLast(value))
        along.set(this.#on.overName(value), { from: this.#offsetOf(value), shift: 3 })
    if (update !== undefined && this.#on.formats.update !== undefined)
      along.set('update', { from: this.#element, shift: shiftOf[this.#on.formats.update] })
    return [...along].map(([name, { from, shift }]) => {
      const stream = this.#streams.get(name) ?? { point: this.#code.local('i32'), shift }
      this.#streams.set(name, stream)
      this.#on.at(name, from, shift)
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
      if (this.#on.isVector(value) && keepsLast(value)) this.#join(value, of, combine, k, tail)
      else {
        const counted = tail ? this.#on.masked(of, combine, this.#mask) : this.#on.local(of)
        accumulate(code, combine, counted, this.#on.sumsOf(value))
      }
    }
    const write = (name: string, format: Format, value: number) => {
      if (tail) storeLanes(code, format, this.#point(name), value, this.#count)
      else store(code, format, this.#point(name), value, (4 * k) << shiftOf[format])
    }
    for (const { slot, value } of stores)
      write(`slot ${slot}`, this.#on.formats.slot(slot), this.#on.flushed(value))
    if (update !== undefined && this.#on.formats.update !== undefined)
      write('update', this.#on.formats.update, this.#on.local(update))
  }

  /** Combine four elements, or the lanes of a tail, with the numbers of a vector that they belong to. */
  #join(value: Expr, of: Expr, combine: Combine, k: number, tail: boolean): void {
    const code = this.#code
    const op = ({ sum: 'f64x2_add', max: 'f64x2_max', min: 'f64x2_min' } as const)[combine]
    const [point, x] = [this.#point(this.#on.overName(value)), this.#on.local(of)]
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
    if (this.#on.isVector(x)) code.get(this.#point(this.#on.nameOf(x))).memory('v128_load', 16 * k)
    else if (node.op === 'reduce') {
      if (this.#on.isKnown(x)) return
      this.#on.at(this.#on.nameOf(x), this.#row, 2)
      code.memory('v128_load32_splat')
    } else if (args.length === 0) {
      const format = this.#on.formatOf(x)
      code.get(this.#point(this.#on.nameOf(x)))
      load[format](code, (4 * k) << shiftOf[format])
    } else {
      const [a = 0, b = a, c = a] = args.map((arg) => this.#on.local(arg))
      ops[node.op as Primitive](code, a, b, c)
    }
    code.set(this.#on.local(x))
  }
}

/** Whether a vector varies along the runs: these end with the last axis. */
const keepsLast = ({ kept, rank }: Expr) => kept.includes(rank - 1)
