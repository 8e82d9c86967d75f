import type { Pass, Reduction } from '../../compiler/plan.ts'
import type { Expr } from '../../expression/index.ts'
import { encodeModule } from './encoder.ts'
import { imports } from './ops.ts'
import { type Layout, scratchOf, writeRows } from './rows.ts'
import { begin, end, type Formats, Sweeper } from './sweep.ts'

/**
 * A pass as machine code. `run(block, begin, end, partials)` treats elements (or, where there are rows, rows) from
 * begin to end of one tensor. The block holds, in words of 4 bytes: the length of a row, and how many rows go through a
 * phase before they go through the next; the address of each array; each uniform as float32. What the reductions over
 * the part come to goes to `partials`, as float64; behind them it needs `scratch` bytes.
 */
export interface Kernel {
  readonly layout: Layout
  readonly bytes: Uint8Array<ArrayBuffer>
  /** Names of arrays: `gradient`, `parameter`, `update`, `slot <name>`, and `row <k>` for reductions of rows. */
  readonly arrays: readonly string[]
  readonly uniforms: readonly Expr[]
  readonly reductions: readonly Reduction[]
  readonly scratch: number
}

/** The layouts that a pass may be asked for in. */
export function layoutsOf({ phases }: Pass): readonly Layout[] {
  const reduced = phases.flatMap(({ reductions }) => reductions.map(({ value }) => value))
  const ofRows = phases.flatMap(({ program }) => program.filter((x) => x.extent === 'axes'))
  if (phases.length === 1 && ![...ofRows, ...reduced].some((x) => x.extent === 'axes')) return ['elements']
  const own = new Set(reduced)
  const fromBefore = ofRows.some((x) => x.node.op === 'reduce' && !own.has(x))
  return phases.length === 1 || fromBefore ? ['long'] : ['long', 'short']
}

/** `rowArrays` are the reductions of rows that some later pass reads. */
export function writeKernel(
  { phases }: Pass,
  layout: Layout,
  formats: Formats,
  rowArrays: readonly Expr[],
): Kernel {
  const reductions = phases.flatMap((phase) => phase.reductions)
  const wide = reductions.filter(({ value }) => value.extent === 'tensor')
  const sweeper = new Sweeper(phases, formats, rowArrays)
  for (const reduction of wide) sweeper.reset(reduction)
  const [phase] = phases
  if (layout !== 'elements') writeRows(sweeper, phases, layout, wide.length)
  else if (phase !== undefined)
    sweeper.sweep(
      phase,
      begin,
      end,
      sweeper.tail(() => sweeper.code.get(end, begin).op('i32_sub')),
    )
  wide.forEach((reduction, k) => {
    sweeper.storeTotal(reduction, k)
  })
  return {
    layout,
    bytes: encodeModule(sweeper.code, 4, imports),
    arrays: sweeper.arrayNames,
    uniforms: sweeper.uniforms,
    reductions: wide,
    scratch: scratchOf(phases, layout),
  }
}
