import { perTensor, select } from '../expression/index.ts'
import { transformation } from './form/define.ts'

/** Replace NaN by 0; infinities stay. `found_nan` says of each tensor whether the latest gradient had one. */
export const zeroNans = transformation({
  name: 'zero_nans',
  formula: 'u = 0 where g is NaN, else g;  found_nan ← 1 if any is, else 0',
  reference: 'optax.zero_nans',
  state: { found_nan: perTensor() },
  update(g) {
    const isNumber = g.eq(g)
    const missing = isNumber.neg().add(1).sum()
    return [select(isNumber, g, 0), { found_nan: missing.gt(0) }]
  },
})
