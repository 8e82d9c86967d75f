import type { Phase, Reduction } from '../../compiler/plan.ts'
import type { Expr } from '../../expression/index.ts'
import { total } from './ops.ts'
import { begin, block, end, partials, type Sweeper, type Tail } from './sweep.ts'

/**
 * How a pass goes over a tensor: `elements` has nothing to do with rows. Where a pass reduces rows and goes on with
 * what that gives, `long` rows are taken one after the other, and `short` ones together.
 */
export type Layout = 'elements' | 'long' | 'short'

/**
 * Rows that go through a phase together: as many as stay in the first cache, so that the next phase finds them there,
 * and the sum of one row is not waited for before the next is begun.
 */
const together = { rows: 128, elements: 2048 }

/** Rows of up to so many elements are short. */
const longestShort = 256

export const layoutFor = (length: number): Layout => (length <= longestShort ? 'short' : 'long')

/** How many rows of a length go together: a number of vectors of short ones, without a tail. */
export function batchOf(length: number): number {
  const rows = Math.max(1, Math.min(together.rows, Math.floor(together.elements / length)))
  return rows >= 4 ? rows - (rows % 4) : rows
}

/** What each reduction of rows gives: a number a row; of short rows the last, a number an element and a bit. */
const bytesOf = { long: 4 * together.rows, short: 4 * (together.elements + longestShort), elements: 0 }

const ofRows = (phases: readonly Phase[]): readonly Reduction[] =>
  phases.flatMap(({ reductions }) => reductions.filter(({ value }) => value.extent === 'axes'))

export const scratchOf = (phases: readonly Phase[], layout: Layout): number =>
  ofRows(phases).length * bytesOf[layout]

/**
 * Take rows through all phases, some at a time. Of short rows what was reduced is spread over their elements, and the
 * last phase treats these without heed of rows: it has no tails but one.
 */
export function writeRows(
  sweeper: Sweeper,
  phases: readonly Phase[],
  layout: 'long' | 'short',
  wide: number,
): void {
  const { code } = sweeper
  const [length, batch, first, last] = [0, 0, 0, 0].map(() => code.local('i32')) as [
    number,
    number,
    number,
    number,
  ]
  const kept = new Map(ofRows(phases).map(({ value }, k) => [value, 8 * wide + k * bytesOf[layout]]))
  const rows = new Rows(sweeper, length, kept, layout === 'short')
  code.get(block).memory('i32_load', 0).set(length).get(block).memory('i32_load', 4).set(batch)
  // Every row has the same tail.
  const tail = sweeper.tail(() => code.get(length))
  code.get(begin).set(first)
  code.while(
    () => code.get(first, end).op('i32_lt_u'),
    () => {
      code.get(first, batch).op('i32_add').tee(last).get(end).op('i32_gt_u')
      code.if(() => code.get(end).set(last))
      for (const [i, phase] of phases.entries()) {
        if (layout === 'short' && i === phases.length - 1) rows.together(phase, first, last)
        else rows.oneByOne(phase, first, last, tail)
      }
      code.get(last).set(first)
    },
  )
}

class Rows {
  readonly #sweeper: Sweeper
  readonly #length: number
  /** Where the results of reductions lie, behind `partials`. */
  readonly #kept: ReadonlyMap<Expr, number>
  readonly #spread: boolean
  readonly #from: number
  readonly #to: number
  /** Where those of the row being treated lie, less that offset. */
  readonly #at: number

  constructor(sweeper: Sweeper, length: number, kept: ReadonlyMap<Expr, number>, spread: boolean) {
    this.#sweeper = sweeper
    this.#length = length
    this.#kept = kept
    this.#spread = spread
    this.#from = sweeper.code.local('i32')
    this.#to = sweeper.code.local('i32')
    this.#at = sweeper.code.local('i32')
  }

  oneByOne(phase: Phase, first: number, last: number, tail: Tail): void {
    const { code, row } = this.#sweeper
    for (const [value, offset] of this.#kept)
      this.#sweeper.splats.set(value, () => code.get(this.#at).memory('v128_load32_splat', offset))
    code.get(first).set(row).get(partials).set(this.#at)
    code.while(
      () => code.get(row, last).op('i32_lt_u'),
      () => {
        code.get(row, this.#length).op('i32_mul').tee(this.#from)
        code.get(this.#length).op('i32_add').set(this.#to)
        this.#row(phase, tail)
        code.get(row).i32(1).op('i32_add').set(row)
      },
    )
  }

  #row(phase: Phase, tail: Tail): void {
    const { code } = this.#sweeper
    const reductions = phase.reductions.filter(({ value }) => value.extent === 'axes')
    for (const reduction of reductions) this.#sweeper.reset(reduction)
    for (const x of phase.program) if (x.extent === 'axes') this.#sweeper.compute(x, 0)
    this.#sweeper.sweep(phase, this.#from, this.#to, tail)
    const single = code.local('f32')
    for (const { value, combine } of reductions) {
      total(code, combine, this.#sweeper.sumsOf(value))
      code.op('f32_demote_f64').set(single)
      if (this.#spread) this.#spreadOut(single, this.#kept.get(value) ?? 0)
      else code.get(this.#at, single).memory('f32_store', this.#kept.get(value) ?? 0)
      this.#sweeper.storeRow(value, single)
    }
    if (!this.#spread) code.get(this.#at).i32(4).op('i32_add').set(this.#at)
    else code.get(this.#at, this.#length).i32(2).op('i32_shl', 'i32_add').set(this.#at)
  }

  /** A number for each element of the row. The last vector reaches into the next row, which comes later. */
  #spreadOut(single: number, offset: number): void {
    const { code } = this.#sweeper
    const [vector, to, stop] = [code.local('v128'), code.local('i32'), code.local('i32')]
    code.get(single).op('f32x4_splat').set(vector)
    code.get(this.#at).tee(to).get(this.#length).i32(2).op('i32_shl', 'i32_add').set(stop)
    code.while(
      () => code.get(to, stop).op('i32_lt_u'),
      () => {
        code.get(to, vector).memory('v128_store', offset)
        code.get(to).i32(16).op('i32_add').set(to)
      },
    )
  }

  together(phase: Phase, first: number, last: number): void {
    const { code } = this.#sweeper
    const base = code.local('i32')
    code.get(first, this.#length).op('i32_mul').set(this.#from)
    code.get(last, this.#length).op('i32_mul').set(this.#to)
    code.get(partials, this.#from).i32(2).op('i32_shl', 'i32_sub').set(base)
    for (const [value, offset] of this.#kept) this.#sweeper.spread(value, base, offset)
    const tail = this.#sweeper.tail(() => code.get(this.#to, this.#from).op('i32_sub'))
    this.#sweeper.sweep(phase, this.#from, this.#to, tail)
  }
}
