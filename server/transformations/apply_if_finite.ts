import { constant, number, scalar, select } from '../expression/index.ts'
import { held } from './form/holding.ts'
import { kept } from './form/states.ts'
import { wrapper } from './form/wrapper.ts'

/**
 * Ignore gradients that are not finite: the update is 0 and the inner state stays. After more than
 * `max_consecutive_errors` of them in a row they are let through, until finite ones come again.
 */
export const applyIfFinite = wrapper({
  name: 'apply_if_finite',
  formula: `notfinite_count ← 0 if all gradients are finite, else notfinite_count + 1
u, inner = inner(g)  if they are, or notfinite_count > max_consecutive_errors; else 0, inner as before`,
  reference: 'optax.apply_if_finite',
  options: { inner: held(), max_consecutive_errors: number() },
  holds: ({ inner }) => ({ inner }),
  state: { notfinite_count: scalar(), last_finite: scalar(1), total_notfinite: scalar() },
  update(g, { max_consecutive_errors }, { notfinite_count, total_notfinite }, { inner }, { tree, expose }) {
    const finite = tree.sum(g.finite().neg().add(1)).eq(0)
    const inRow = select(finite, constant(0), notfinite_count.add(1))
    const taken = select(finite, constant(1), inRow.gt(max_consecutive_errors))
    const total = total_notfinite.add(finite.neg().add(1))
    expose('total_notfinite', total)
    const [u, after] = inner.update(g)
    return [
      select(taken, u, 0),
      { notfinite_count: inRow, last_finite: finite, total_notfinite: total },
      { inner: kept(taken, after, inner.before) },
    ]
  },
})
