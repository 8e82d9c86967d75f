import { bytesOf, narrow, widen } from '../engines/dtypes.ts'
import type { Tensors } from '../engines/engine.ts'
import { Turns } from '../turns.ts'
import type { ContributionEvent } from './journal.ts'
import type { Spec } from './spec.ts'

type Contribution = Pick<ContributionEvent, 'worker' | 'gradients' | 'weight' | 'loss'>

/** What a step is made of. */
export interface Aggregate {
  readonly gradients: Tensors
  readonly loss?: number
}

/** Bytes of one contribution that are widened in about 2 ms. */
const slice = 2 ** 18

/**
 * The gradient of several contributions, in order of their workers' names, never of their arrival.
 *
 *     sum   Σ wᵢ gᵢ
 *     mean  Σ wᵢ gᵢ / Σ wᵢ
 *
 * In float64, rounded once: to F64 where a contribution is of that type, else to F32. The loss is Σ wᵢ lᵢ / Σ wᵢ over those
 * that have one.
 */
export async function aggregate(
  contributions: readonly Contribution[],
  how: 'mean' | 'sum',
): Promise<Aggregate> {
  const ordered = contributions.toSorted((a, b) => (a.worker < b.worker ? -1 : 1))
  const loss = meanLoss(ordered)
  return {
    gradients: await weighedSum(ordered, how === 'mean' ? weightOf(ordered) : 1),
    ...(loss === undefined ? {} : { loss }),
  }
}

const weightOf = (contributions: readonly Contribution[]): number =>
  contributions.reduce((sum, { weight }) => sum + weight, 0)

function meanLoss(contributions: readonly Contribution[]): number | undefined {
  const told = contributions.filter(({ loss }) => loss !== undefined)
  if (told.length === 0) return undefined
  return told.reduce((sum, { loss = 0, weight }) => sum + weight * loss, 0) / weightOf(told)
}

async function weighedSum(contributions: readonly Contribution[], divisor: number): Promise<Tensors> {
  const [first, second] = contributions
  if (first === undefined) throw new Error('Cannot add up the contributions to a step: there are none')
  if (second === undefined && first.weight === divisor) return first.gradients
  const dtype = contributions.some(({ gradients }) => gradients.dtype === 'F64') ? 'F64' : 'F32'
  const size = bytesOf[dtype]
  const turns = new Turns(8 * Math.ceil(slice / 8 / contributions.length))
  const parts: Uint8Array[] = []
  for (const [tensor, part] of first.gradients.parts.entries()) {
    const out = new Uint8Array((part.length / bytesOf[first.gradients.dtype]) * size)
    await turns.through([out], (place, at) => {
      const [begin, end] = [at / size, (at + place.length) / size]
      const sum = new Float64Array(end - begin)
      for (const { gradients, weight } of contributions) {
        const own = bytesOf[gradients.dtype]
        const bytes = gradients.parts[tensor]?.subarray(begin * own, end * own) ?? new Uint8Array()
        const values = widen({ dtype: gradients.dtype, bytes })
        for (let i = 0; i < sum.length; i++) sum[i] = (sum[i] ?? 0) + weight * (values[i] ?? 0)
      }
      if (divisor !== 1) for (let i = 0; i < sum.length; i++) sum[i] = (sum[i] ?? 0) / divisor
      place.set(narrow(sum, dtype))
    })
    parts.push(out)
  }
  return { dtype, parts }
}

/** What a contribution counts that is so many steps old. */
export const stalenessWeight = ({ staleness }: Spec, steps: number): number =>
  staleness === 'inverse' ? 1 / (1 + steps) : 1
