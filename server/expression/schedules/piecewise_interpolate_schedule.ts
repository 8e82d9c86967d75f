import { type Expr, select } from '../expr.ts'
import { boundaries } from '../mappings.ts'
import { choice, number } from '../options.ts'
import { schedule } from './schedule.ts'

/** How to go from one value to the next while the share of the way goes from 0 to 1. */
const between = {
  linear: (from: Expr, to: Expr, share: Expr) => to.sub(from).mul(share).add(from),
  cosine: (from: Expr, to: Expr, share: Expr) =>
    to.add(from.sub(to).div(2).mul(share.mul(Math.PI).cos().add(1))),
}

/**
 * From boundary to boundary along lines or half cosines; at each the value is that of the one before times its scale.
 * Constant after the last.
 */
export const piecewiseInterpolateSchedule = schedule({
  name: 'piecewise_interpolate_schedule',
  formula: `vᵢ = init_value · scale₁ ⋯ scaleᵢ;  s = (t − boundaryᵢ) / (boundaryᵢ₊₁ − boundaryᵢ)
linear: vᵢ + (vᵢ₊₁ − vᵢ) · s;  cosine: vᵢ₊₁ + ½ (vᵢ − vᵢ₊₁) · (cos(π s) + 1)`,
  reference: 'optax.piecewise_interpolate_schedule',
  options: {
    interpolate_type: choice(['linear', 'cosine']),
    init_value: number(),
    boundaries_and_scales: boundaries(),
  },
  value(count, { interpolate_type, init_value, boundaries_and_scales }) {
    let from = { step: 0, value: init_value }
    const pieces = boundaries_and_scales.map(({ step, scale }) => {
      const to = { step, value: from.value.mul(scale) }
      const share = count.sub(from.step).div(Math.max(step - from.step, 1))
      const value = between[interpolate_type](from.value, to.value, share)
      from = to
      return { until: step, value }
    })
    return pieces.reduceRight((later, { until, value }) => select(count.lt(until), value, later), from.value)
  },
})
