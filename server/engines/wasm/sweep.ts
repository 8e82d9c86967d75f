import { neutral } from '../../compiler/float64.ts'
import type { Phase, Reduction } from '../../compiler/plan.ts'
import type { Combine, Expr, Primitive } from '../../expression/index.ts'
import { Code } from './encoder.ts'
import { type Format, load, shiftOf, store, storeLanes } from './formats.ts'
import { accumulate, bounded, ops, type Sums, total } from './ops.ts'

/** Number types of what a pass reads and writes; no `update` where nobody wants it. */
export interface Formats {
  readonly gradient: Format
  readonly parameter: Format
  readonly update: Format | undefined
  readonly slot: (name: string) => Format
}

/** Parameters of the function that is written. */
export const [block, begin, end, partials] = [0, 1, 2, 3] as const
/** Words of the block before the addresses. */
export const header = 2

/** Vectors that one turn of a loop treats, as far as its code stays short. */
const widest = 4
const longest = 96

/** What is left of a sweep: fewer elements than a vector has. How many, and the mask of their lanes, as locals. */
export interface Tail {
  readonly count: number
  readonly mask: number
}

/** An array as the sweep reads it: a local with its address, an offset, and a local that points into it. */
interface Place {
  readonly base: number
  readonly offset: number
  readonly format: Format
  readonly point: number
}

/** Writes code that treats the elements of a tensor, a vector at a time. */
export class Sweeper {
  readonly code = new Code(4)
  /** The row being treated, where there are rows. */
  readonly row = this.code.local('i32')
  /** How to load what was reduced, the same in all lanes. */
  readonly splats = new Map<Expr, () => void>()
  readonly #formats: Formats
  readonly #rowArrays: readonly Expr[]
  readonly #arrays = new Map<string, number>()
  readonly #uniforms = new Map<Expr, number>()
  /** Locals that hold values of the element, or the row, being treated. */
  readonly #values = new Map<Expr, number>()
  readonly #sums = new Map<Expr, Sums>()
  /** Sums over the vectors of one turn. */
  readonly #turns = new Map<Expr, readonly [even: number, odd: number]>()
  readonly #places = new Map<string, Place>()
  /** What was reduced, where it lies spread over elements. */
  readonly #spread = new Map<Expr, string>()
  readonly #index = this.code.local('i32')

  /** Begins with addresses and uniforms into locals, in the order in which the block holds them. */
  constructor(phases: readonly Phase[], formats: Formats, rowArrays: readonly Expr[]) {
    this.#formats = formats
    this.#rowArrays = rowArrays
    const own = new Set(phases.flatMap(({ reductions }) => reductions.map(({ value }) => value)))
    for (const phase of phases) this.#needs(phase, own)
    let word = header
    for (const name of this.#arrays.keys()) {
      const local = this.code.local('i32')
      this.code
        .get(block)
        .memory('i32_load', 4 * word++)
        .set(local)
      this.#arrays.set(name, local)
    }
    for (const x of this.#uniforms.keys()) {
      const local = this.code.local('v128')
      this.code
        .get(block)
        .memory('v128_load32_splat', 4 * word++)
        .set(local)
      this.#uniforms.set(x, local)
      this.#values.set(x, local)
    }
  }

  get arrayNames(): readonly string[] {
    return [...this.#arrays.keys()]
  }
  get uniforms(): readonly Expr[] {
    return [...this.#uniforms.keys()]
  }

  #needs({ program, stores, update, reductions }: Phase, own: ReadonlySet<Expr>): void {
    const need = (name: string) => this.#arrays.set(name, -1)
    for (const x of program) {
      if (x.node.op !== 'reduce') {
        if (x.args.length === 0) need(arrayOf(x))
      } else if (!own.has(x)) {
        need(this.#rowName(x))
        this.splats.set(x, () => {
          this.#rowAddress(x)
          this.code.memory('v128_load32_splat')
        })
      }
    }
    for (const { slot } of stores) need(`slot ${slot}`)
    for (const { value } of reductions) if (this.#rowArrays.includes(value)) need(this.#rowName(value))
    if (update !== undefined && this.#formats.update !== undefined) need('update')
    const used = [
      ...program.flatMap(({ node, args }) => (node.op === 'reduce' ? [] : args)),
      ...reductions.map(({ of }) => of),
      ...stores.map(({ value }) => value),
      ...(update === undefined ? [] : [update]),
    ]
    for (const x of used) if (isScalar(x)) this.#uniforms.set(x, -1)
  }

  #rowName(x: Expr): string {
    const k = this.#rowArrays.indexOf(x)
    if (k < 0 || x.node.op !== 'reduce' || x.node.axes !== 'rows')
      throw new Error('This engine reduces whole tensors and rows, and no other axes')
    return `row ${k}`
  }

  #rowAddress(x: Expr): void {
    this.code
      .get(this.#array(this.#rowName(x)), this.row)
      .i32(2)
      .op('i32_shl', 'i32_add')
  }

  /** Keep what a reduction gave to a row, a float32 local, where a later pass wants it. */
  storeRow(value: Expr, single: number): void {
    if (!this.#rowArrays.includes(value)) return
    this.#rowAddress(value)
    this.code.get(single).memory('f32_store')
  }

  /** From here on read what was reduced by element: from `base` plus 4 · the element's index plus an offset. */
  spread(value: Expr, base: number, offset: number): void {
    const name = `spread ${this.#spread.size}`
    this.#spread.set(value, name)
    this.#places.set(name, { base, offset, format: 'F32', point: this.code.local('i32') })
  }

  #array(name: string): number {
    const local = this.#arrays.get(name)
    if (local === undefined) throw new Error(`The kernel has no array ${name}`)
    return local
  }

  /** The tail of as many elements as `length` leaves on the stack. */
  tail(length: () => void): Tail {
    const [count, mask] = [this.code.local('i32'), this.code.local('v128')]
    length()
    this.code.i32(3).op('i32_and').set(count)
    this.code.v128(0, 1, 2, 3).get(count).op('i32x4_splat', 'i32x4_lt_s').set(mask)
    return { count, mask }
  }

  /** Treat elements from `from` to `to`, locals: some vectors a turn, then one, then the tail. */
  sweep(phase: Phase, from: number, to: number, tail: Tail): void {
    const { code } = this
    const width = Math.max(1, Math.min(widest, Math.floor(longest / (phase.program.length + 1))))
    const beyond = (vectors: number) =>
      code
        .get(this.#index)
        .i32(4 * vectors)
        .op('i32_add')
    code.get(from).set(this.#index)
    for (const vectors of new Set([width, 1]))
      code.while(
        () => beyond(vectors).get(to).op('i32_le_u'),
        () => {
          this.#pointAt(phase)
          for (let k = 0; k < vectors; k++) {
            this.#treat(phase, k)
            this.#reduce(phase, k, vectors)
          }
          beyond(vectors).set(this.#index)
        },
      )
    code.get(tail.count)
    code.if(() => {
      this.#pointAt(phase)
      this.#treat(phase, 0, tail)
      this.#reduce(phase, 0, 1, tail)
    })
  }

  /** Make the points those of the element `index`. */
  #pointAt({ program, stores, update }: Phase): void {
    const used = new Set(program.flatMap((x) => this.#arrayRead(x) ?? []))
    for (const { slot } of stores) used.add(`slot ${slot}`)
    if (update !== undefined && this.#formats.update !== undefined) used.add('update')
    for (const name of used) {
      const { base, format, point } = this.#place(name)
      this.code.get(base, this.#index).i32(shiftOf[format]).op('i32_shl', 'i32_add').set(point)
    }
  }

  /** The array that a value is read from, an element at a time. */
  #arrayRead(x: Expr): string | undefined {
    return this.#spread.get(x) ?? (x.args.length === 0 ? arrayOf(x) : undefined)
  }

  #place(name: string): Place {
    const known = this.#places.get(name)
    if (known !== undefined) return known
    const place = {
      base: this.#array(name),
      offset: 0,
      format: this.#formatOf(name),
      point: this.code.local('i32'),
    }
    this.#places.set(name, place)
    return place
  }

  #formatOf(name: string): Format {
    if (name.startsWith('slot ')) return this.#formats.slot(name.slice('slot '.length))
    if (name === 'update') return this.#formats.update ?? 'F32'
    return name === 'gradient' ? this.#formats.gradient : this.#formats.parameter
  }

  /** Treat the `k`-th vector from where the arrays point. */
  #treat({ program, stores, update }: Phase, k: number, tail?: Tail): void {
    for (const x of program) if (x.extent === 'element' || this.#spread.size > 0) this.compute(x, k)
    const write = (name: string, value: number) => {
      const { format, point } = this.#place(name)
      if (tail === undefined) store(this.code, format, point, value, (4 * k) << shiftOf[format])
      else storeLanes(this.code, format, point, value, tail.count)
    }
    const kept = stores.map(({ slot, value }) => ({ slot, value: this.#flushed(value) }))
    for (const { slot, value } of kept) write(`slot ${slot}`, value)
    if (update !== undefined && this.#formats.update !== undefined) write('update', this.#local(update))
  }

  /** Reduce the `k`-th of so many vectors. Those of one turn are added up in float32, and then in float64. */
  #reduce({ reductions }: Phase, k: number, vectors: number, tail?: Tail): void {
    const { code } = this
    for (const { value, of, combine } of reductions) {
      const own = tail ? this.#masked(of, combine, tail) : this.#local(of)
      if (combine !== 'sum' || vectors === 1) accumulate(code, combine, own, this.sumsOf(value))
      else {
        const [even, odd] = this.#turnsOf(value)
        const turn = k % 2 === 0 ? even : odd
        if (k < 2) code.get(own).set(turn)
        else code.get(turn, own).op('f32x4_add').set(turn)
        if (k < vectors - 1) continue
        code.get(even, odd).op('f32x4_add').set(even)
        accumulate(code, combine, even, this.sumsOf(value))
      }
    }
  }

  #turnsOf(x: Expr): readonly [even: number, odd: number] {
    const made = this.#turns.get(x) ?? [this.code.local('v128'), this.code.local('v128')]
    this.#turns.set(x, made)
    return made
  }

  /** What is kept is 0 where it is below the least normal number. */
  #flushed(x: Expr): number {
    const kept = this.code.local('v128')
    this.code
      .get(this.#local(x))
      .get(this.#local(x))
      .op('f32x4_abs')
      .float(2 ** -126)
      .op('f32x4_lt', 'v128_andnot')
    this.code.set(kept)
    return kept
  }

  /** In the lanes beyond the end, what changes no reduction. */
  #masked(x: Expr, combine: Combine, { mask }: Tail): number {
    const masked = this.code.local('v128')
    this.code.get(this.#local(x)).float(neutral[combine]).get(mask).op('v128_bitselect').set(masked)
    return masked
  }

  /** A value of the `k`-th vector, or of the row, into its local. */
  compute(x: Expr, k: number): void {
    const { node, args } = x
    const array = this.#arrayRead(x)
    if (array !== undefined) {
      const { format, point, offset } = this.#place(array)
      this.code.get(point)
      load[format](this.code, offset + ((4 * k) << shiftOf[format]))
    } else if (node.op === 'reduce') {
      const splat = this.splats.get(x)
      if (splat === undefined) throw new Error('What a reduction gave is read before it is there')
      splat()
    } else {
      const op = node.op as Primitive
      const sure = bounded[op] !== undefined && args.some(isNumber)
      // The one that is a number comes second.
      const ordered = sure ? [...args].sort((x, y) => Number(isNumber(x)) - Number(isNumber(y))) : args
      const [a = 0, b = a, c = a] = ordered.map((arg) => this.#local(arg))
      const emit = (sure ? bounded[op] : undefined) ?? ops[op]
      emit(this.code, a, b, c)
    }
    this.code.set(this.#local(x))
  }

  #local(x: Expr): number {
    const local = this.#values.get(x) ?? this.code.local('v128')
    this.#values.set(x, local)
    return local
  }

  sumsOf(x: Expr): Sums {
    const made = this.#sums.get(x) ?? [this.code.local('v128'), this.code.local('v128')]
    this.#sums.set(x, made)
    return made
  }

  reset({ value, combine }: Reduction): void {
    const [low = 0, high = 0] = new Uint32Array(Float64Array.of(neutral[combine]).buffer)
    for (const sum of this.sumsOf(value)) this.code.v128(low, high, low, high).set(sum)
  }

  /** What a reduction over the part came to, to the `k`-th place of `partials`. */
  storeTotal({ value, combine }: Reduction, k: number): void {
    this.code.get(partials)
    total(this.code, combine, this.sumsOf(value))
    this.code.memory('f64_store', 8 * k)
  }
}

/** Whether a value is known not to be NaN: constants and options are finite. */
const isNumber = ({ node, args }: Expr): boolean =>
  node.op === 'constant' || node.op === 'option' || (node.op === 'neg' && args.every(isNumber))

const isScalar = (x: Expr) => x.extent === 'host' || x.extent === 'tree' || x.extent === 'tensor'

const arrayOf = ({ node }: Expr) => (node.op === 'slot' ? `slot ${node.slot}` : node.op)
