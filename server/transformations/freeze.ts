import { mask } from '../expression/index.ts'
import { define } from './form/define.ts'
import { maskedBy } from './form/masking.ts'
import { setToZero } from './set_to_zero.ts'

/** Leave the parameters that the mask means as they are: their updates are 0. */
export const freeze = define(
  'transformation',
  {
    name: 'freeze',
    formula: 'u = 0  for tensors that the mask means, else g',
    reference: 'optax.freeze',
    options: { mask: mask() },
  },
  ({ mask }) => maskedBy(mask, setToZero()),
)
