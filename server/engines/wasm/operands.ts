import { neutral } from '../../compiler/float64.ts'
import type { Pass, Phase, Reduction } from '../../compiler/plan.ts'
import type { Combine, Expr } from '../../expression/index.ts'
import { Code } from './encoder.ts'
import type { Format } from './formats.ts'
import type { Sums } from './ops.ts'
import { block, type Formats } from './sweep.ts'

/** What a pass over axes reads, writes and holds: its arrays, and locals for its values. */
export class Operands {
  readonly code = new Code(4)
  /** Vectors that are read, and those that are made. */
  readonly read: readonly Expr[]
  readonly made: readonly Reduction[]
  /** Sets of axes that they keep. */
  readonly sets: readonly (readonly number[])[]
  /** What is known of a row before it is gone through: reductions of earlier phases, and what is made of them. */
  readonly ofRow = new Set<Expr>()
  readonly formats: Formats
  readonly #phases: readonly Phase[]
  readonly #vectors: ReadonlySet<Expr>
  readonly #rowArrays: readonly Expr[]
  readonly #arrays = new Map<string, number>()
  readonly #uniforms = new Set<Expr>()
  readonly #values = new Map<Expr, number>()
  readonly #sums = new Map<Expr, Sums>()

  constructor({ phases }: Pass, formats: Formats, rowArrays: readonly Expr[], vectors: ReadonlySet<Expr>) {
    this.#phases = phases
    this.formats = formats
    this.#rowArrays = rowArrays
    this.#vectors = vectors
    const program = phases.flatMap((phase) => phase.program)
    this.read = [...new Set(program.filter((x) => vectors.has(x)))]
    this.made = phases.flatMap(({ reductions }) => reductions.filter(({ value }) => vectors.has(value)))
    for (const x of program) {
      if (x.extent !== 'axes' || vectors.has(x)) continue
      const known = x.args.every((arg) => isScalar(arg) || this.ofRow.has(arg))
      if (x.node.op === 'reduce' || known) this.ofRow.add(x)
    }
    const kept = [...this.read, ...this.made.map(({ value }) => value)].map((x) => x.kept)
    this.sets = [...new Map(kept.map((set) => [set.join(), set])).values()]
  }

  get arrayNames(): readonly string[] {
    return [...this.#arrays.keys()]
  }
  get uniforms(): readonly Expr[] {
    return [...this.#uniforms]
  }

  isVector(x: Expr): boolean {
    return this.#vectors.has(x)
  }

  /** Everything that the block holds into locals: numbers first, addresses, numbers last, uniforms. */
  loadBlock(first: readonly number[], last: readonly number[]): void {
    const { code } = this
    for (const phase of this.#phases) this.#needs(phase)
    let word = 0
    const next = (local: number) =>
      code
        .get(block)
        .memory('i32_load', 4 * word++)
        .set(local)
    first.forEach(next)
    for (const local of this.#arrays.values()) next(local)
    last.forEach(next)
    for (const x of this.#uniforms)
      code
        .get(block)
        .memory('v128_load32_splat', 4 * word++)
        .set(this.local(x))
  }

  #needs({ program, stores, update, reductions }: Phase): void {
    const array = (name: string) => {
      if (!this.#arrays.has(name)) this.#arrays.set(name, this.code.local('i32'))
    }
    const own = new Set(this.#phases.flatMap((phase) => phase.reductions.map(({ value }) => value)))
    const used = [...stores.map(({ value }) => value), ...reductions.map(({ of }) => of)]
    for (const x of program) {
      if (this.isVector(x) || (x.node.op === 'reduce' ? !own.has(x) : x.args.length === 0))
        array(this.nameOf(x))
      else if (x.node.op !== 'reduce') used.push(...x.args)
    }
    for (const { slot } of stores) array(`slot ${slot}`)
    for (const { value } of reductions) {
      if (this.isVector(value)) array(this.overName(value))
      else if (this.isKept(value)) array(this.nameOf(value))
    }
    if (update !== undefined && this.formats.update !== undefined) {
      array('update')
      used.push(update)
    }
    for (const x of used) if (isScalar(x)) this.#uniforms.add(x)
  }

  /** Whether a later pass reads what a reduction of rows gave. */
  isKept(value: Expr): boolean {
    return this.#rowArrays.includes(value)
  }

  /** The array that a value is read from. */
  nameOf(x: Expr): string {
    if (this.isVector(x)) return `vector ${this.read.indexOf(x)}`
    if (x.node.op === 'reduce') return `row ${this.#rowArrays.indexOf(x)}`
    return x.node.op === 'slot' ? `slot ${x.node.slot}` : x.node.op
  }

  /** The array that a vector is made in. */
  overName(value: Expr): string {
    return `over ${this.made.findIndex((reduction) => reduction.value === value)}`
  }

  /** The address of a number in an array, on the stack. */
  at(name: string, index: number, shift: number): void {
    const local = this.#arrays.get(name)
    if (local === undefined) throw new Error(`The kernel has no array ${name}`)
    this.code.get(local, index).i32(shift).op('i32_shl', 'i32_add')
  }

  formatOf({ node }: Expr): Format {
    if (node.op === 'gradient') return this.formats.gradient
    return node.op === 'slot' ? this.formats.slot(node.slot) : this.formats.parameter
  }

  isKnown(x: Expr): boolean {
    return this.#values.has(x)
  }

  local(x: Expr): number {
    const local = this.#values.get(x) ?? this.code.local('v128')
    this.#values.set(x, local)
    return local
  }

  sumsOf(x: Expr): Sums {
    const sums = this.#sums.get(x) ?? [this.code.local('v128'), this.code.local('v128')]
    this.#sums.set(x, sums)
    return sums
  }

  reset({ value, combine }: Reduction): void {
    for (const sum of this.sumsOf(value)) this.code.double(neutral[combine]).set(sum)
  }

  /** What is kept is 0 where it is below the least normal number. */
  flushed(x: Expr): number {
    const kept = this.code.local('v128')
    this.code.get(this.local(x), this.local(x)).op('f32x4_abs')
    this.code
      .float(2 ** -126)
      .op('f32x4_lt', 'v128_andnot')
      .set(kept)
    return kept
  }

  /** In the lanes beyond a mask, what changes no reduction. */
  masked(x: Expr, combine: Combine, mask: number): number {
    const masked = this.code.local('v128')
    this.code.get(this.local(x)).float(neutral[combine]).get(mask).op('v128_bitselect').set(masked)
    return masked
  }
}

const isScalar = (x: Expr) => x.extent === 'host' || x.extent === 'tree' || x.extent === 'tensor'
