import { mask } from '../expression/index.ts'
import { define } from './form/define.ts'
import { held } from './form/holding.ts'
import { maskedBy } from './form/masking.ts'
import { at } from './form/place.ts'

/** Transform the tensors that the mask means. All others pass unchanged, keep no state and are in no norm within. */
export const masked = define(
  'transformation',
  {
    name: 'masked',
    formula: 'u = inner(g)  for tensors that the mask means, else g',
    reference: 'optax.masked',
    options: { inner: held(), mask: mask() },
  },
  ({ inner, mask }) => maskedBy(mask, at('inner', inner)),
)
