import { neutral } from '../../compiler/float64.ts'
import type { Pass, Phase, Reduction } from '../../compiler/plan.ts'
import type { Combine, Expr, Primitive } from '../../expression/index.ts'
import { Code, encodeModule } from './encoder.ts'
import { type Format, load, shiftOf, store } from './formats.ts'
import { accumulate, imports, ops, total } from './ops.ts'

/** Number types of what a pass reads and writes; no `update` where nobody wants it. */
export interface Formats {
  readonly gradient: Format
  readonly parameter: Format
  readonly update: Format | undefined
  readonly slot: (name: string) => Format
}

/**
 * A pass as machine code. `run(block, begin, end, partials)` treats elements (or, where `rows`, rows) from begin to
 * end of one tensor. The block holds, in words of 4 bytes: the length of a row; the address of each array; each
 * uniform as float32. What the reductions over the part come to goes to `partials`, as float64.
 */
export interface Kernel {
  readonly bytes: Uint8Array<ArrayBuffer>
  readonly rows: boolean
  /** Names of arrays: `gradient`, `parameter`, `update`, `slot <name>`, and `row <k>` for reductions of rows. */
  readonly arrays: readonly string[]
  readonly uniforms: readonly Expr[]
  readonly reductions: readonly Reduction[]
}

const [block, begin, end, partials] = [0, 1, 2, 3]

/** `rowArrays` are the reductions of rows that some later pass reads. */
export function writeKernel(pass: Pass, formats: Formats, rowArrays: readonly Expr[]): Kernel {
  const writer = new Writer(pass, formats, rowArrays)
  return writer.write()
}

class Writer {
  readonly #code = new Code(4)
  readonly #pass: Pass
  readonly #formats: Formats
  readonly #rowArrays: readonly Expr[]
  readonly #arrays = new Map<string, number>()
  readonly #uniforms = new Map<Expr, number>()
  /** Locals that hold values of the element, or the row, being treated. */
  readonly #values = new Map<Expr, number>()
  readonly #sums = new Map<Expr, readonly [low: number, high: number]>()
  readonly #index = this.#code.local('i32')
  readonly #row = this.#code.local('i32')
  readonly #address = this.#code.local('i32')
  readonly #count = this.#code.local('i32')

  constructor(pass: Pass, formats: Formats, rowArrays: readonly Expr[]) {
    this.#pass = pass
    this.#formats = formats
    this.#rowArrays = rowArrays
  }

  write(): Kernel {
    const { phases } = this.#pass
    const rows = phases.some(({ program }) => program.some((x) => x.extent === 'axes')) || phases.length > 1
    this.#loadBlock(phases)
    const reductions = phases.flatMap((phase) => phase.reductions)
    const wide = reductions.filter(({ value }) => value.extent === 'tensor')
    for (const { value, combine } of wide) this.#reset(value, combine)
    if (rows) this.#eachRow(phases)
    else this.#sweep(phases[0] as Phase, begin, end)
    wide.forEach(({ value, combine }, k) => {
      this.#code.get(partials)
      total(this.#code, combine, ...this.#sumsOf(value))
      this.#code.memory('f64_store', 8 * k)
    })
    return {
      bytes: encodeModule(this.#code, 4, imports),
      rows,
      arrays: [...this.#arrays.keys()],
      uniforms: [...this.#uniforms.keys()],
      reductions: wide,
    }
  }

  /** Addresses and uniforms into locals, in the order in which the block holds them. */
  #loadBlock(phases: readonly Phase[]): void {
    for (const { program, stores, update, reductions } of phases) {
      for (const x of program) if (x.args.length === 0 || x.node.op === 'reduce') this.#needArray(x)
      for (const { slot } of stores) this.#arrays.set(`slot ${slot}`, -1)
      for (const { value } of reductions)
        if (this.#rowArrays.includes(value)) this.#arrays.set(this.#rowName(value), -1)
      if (update !== undefined && this.#formats.update !== undefined) this.#arrays.set('update', -1)
      const used = [
        ...program.flatMap(({ node, args }) => (node.op === 'reduce' ? [] : args)),
        ...reductions.map(({ of }) => of),
      ]
      for (const x of [...used, ...stores.map(({ value }) => value), ...(update ? [update] : [])])
        if (isScalar(x)) this.#uniforms.set(x, -1)
    }
    let word = 1
    for (const name of this.#arrays.keys()) {
      const local = this.#code.local('i32')
      this.#code
        .get(block)
        .memory('i32_load', 4 * word++)
        .set(local)
      this.#arrays.set(name, local)
    }
    for (const x of this.#uniforms.keys()) {
      const local = this.#code.local('v128')
      this.#code
        .get(block)
        .memory('v128_load32_splat', 4 * word++)
        .set(local)
      this.#uniforms.set(x, local)
      this.#values.set(x, local)
    }
  }

  #needArray(x: Expr): void {
    if (x.node.op === 'reduce') {
      const own = this.#pass.phases.some(({ reductions }) => reductions.some(({ value }) => value === x))
      if (!own) this.#arrays.set(this.#rowName(x), -1)
    } else this.#arrays.set(arrayOf(x), -1)
  }

  #rowName(x: Expr): string {
    const k = this.#rowArrays.indexOf(x)
    if (k < 0 || x.node.op !== 'reduce' || x.node.axes !== 'rows')
      throw new Error('This engine reduces whole tensors and rows, and no other axes')
    return `row ${k}`
  }

  #array(name: string): number {
    const local = this.#arrays.get(name)
    if (local === undefined) throw new Error(`The kernel has no array ${name}`)
    return local
  }

  #eachRow(phases: readonly Phase[]): void {
    const code = this.#code
    const [length, from, to] = [code.local('i32'), code.local('i32'), code.local('i32')]
    code.get(block).memory('i32_load', 0).set(length)
    code.get(begin).set(this.#row)
    code.while(
      () => code.get(this.#row, end).op('i32_lt_u'),
      () => {
        code.get(this.#row, length).op('i32_mul').tee(from).get(length).op('i32_add').set(to)
        for (const phase of phases) this.#phaseOfRow(phase, from, to)
        code.get(this.#row).i32(1).op('i32_add').set(this.#row)
      },
    )
  }

  #phaseOfRow(phase: Phase, from: number, to: number): void {
    const narrow = phase.reductions.filter(({ value }) => value.extent === 'axes')
    for (const { value, combine } of narrow) this.#reset(value, combine)
    for (const x of phase.program) if (x.extent === 'axes') this.#compute(x)
    this.#sweep(phase, from, to)
    for (const { value, combine } of narrow) {
      const code = this.#code
      const single = code.local('f32')
      total(code, combine, ...this.#sumsOf(value))
      code.op('f32_demote_f64').tee(single).op('f32x4_splat').set(this.#local(value))
      if (!this.#rowArrays.includes(value)) continue
      code
        .get(this.#array(this.#rowName(value)), this.#row)
        .i32(2)
        .op('i32_shl', 'i32_add')
      code.get(single).memory('f32_store')
    }
  }

  /** Treat elements from `from` to `to`, four at a time, then what is left. */
  #sweep(phase: Phase, from: number, to: number): void {
    const code = this.#code
    code.get(from).set(this.#index)
    code.while(
      () => code.get(this.#index).i32(4).op('i32_add').get(to).op('i32_le_u'),
      () => {
        this.#treat(phase, false)
        code.get(this.#index).i32(4).op('i32_add').set(this.#index)
      },
    )
    code.get(to, this.#index).op('i32_sub').tee(this.#count)
    code.if(() => this.#treat(phase, true))
  }

  #treat({ program, reductions, stores, update }: Phase, tail: boolean): void {
    const code = this.#code
    for (const x of program) if (x.extent === 'element') this.#compute(x)
    for (const { value, of, combine } of reductions) {
      const counted = tail ? this.#masked(of, combine) : this.#local(of)
      accumulate(code, combine, counted, ...this.#sumsOf(value))
    }
    const write = (name: string, format: Format, value: number) => {
      this.#addressOf(name, format)
      code.set(this.#address)
      store(code, format, this.#address, value, tail ? this.#count : undefined)
    }
    for (const { slot, value } of stores)
      write(`slot ${slot}`, this.#formats.slot(slot), this.#flushed(value))
    if (update !== undefined && this.#formats.update !== undefined)
      write('update', this.#formats.update, this.#local(update))
  }

  /** What is kept is 0 where it is below the least normal number. */
  #flushed(x: Expr): number {
    const code = this.#code
    const kept = code.local('v128')
    code
      .get(this.#local(x))
      .get(this.#local(x))
      .op('f32x4_abs')
      .float(2 ** -126)
      .op('f32x4_lt', 'v128_andnot')
    code.set(kept)
    return kept
  }

  /** In the lanes beyond the end, what changes no reduction. */
  #masked(x: Expr, combine: Combine): number {
    const code = this.#code
    const masked = code.local('v128')
    code.get(this.#local(x)).float(neutral[combine])
    code.v128(0, 1, 2, 3).get(this.#count).op('i32x4_splat', 'i32x4_lt_s', 'v128_bitselect').set(masked)
    return masked
  }

  #compute(x: Expr): void {
    const { node, args } = x
    const code = this.#code
    if (node.op === 'reduce') {
      if (this.#values.has(x)) return
      code
        .get(this.#array(this.#rowName(x)), this.#row)
        .i32(2)
        .op('i32_shl', 'i32_add')
        .memory('v128_load32_splat')
    } else if (args.length === 0) {
      const format = this.#formatOf(x)
      this.#addressOf(arrayOf(x), format)
      load[format](code)
    } else {
      const [a = 0, b = a, c = a] = args.map((arg) => this.#local(arg))
      ops[node.op as Primitive](code, a, b, c)
    }
    code.set(this.#local(x))
  }

  #formatOf({ node }: Expr): Format {
    if (node.op === 'gradient') return this.#formats.gradient
    return node.op === 'slot' ? this.#formats.slot(node.slot) : this.#formats.parameter
  }

  #addressOf(name: string, format: Format): void {
    this.#code.get(this.#array(name), this.#index).i32(shiftOf[format]).op('i32_shl', 'i32_add')
  }

  #local(x: Expr): number {
    const local = this.#values.get(x) ?? this.#code.local('v128')
    this.#values.set(x, local)
    return local
  }

  #sumsOf(x: Expr): readonly [number, number] {
    const known = this.#sums.get(x)
    if (known !== undefined) return known
    const made = [this.#code.local('v128'), this.#code.local('v128')] as const
    this.#sums.set(x, made)
    return made
  }

  #reset(x: Expr, combine: Combine): void {
    const [low = 0, high = 0] = new Uint32Array(Float64Array.of(neutral[combine]).buffer)
    for (const sum of this.#sumsOf(x)) this.#code.v128(low, high, low, high).set(sum)
  }
}

const isScalar = (x: Expr) => x.extent === 'host' || x.extent === 'tree' || x.extent === 'tensor'

const arrayOf = ({ node }: Expr) => (node.op === 'slot' ? `slot ${node.slot}` : node.op)
