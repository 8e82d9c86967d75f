import { keywordOnly, mask } from '../expression/index.ts'
import { define } from './form/define.ts'
import { held } from './form/holding.ts'
import { either } from './form/masking.ts'
import { at } from './form/place.ts'
import { setToZero } from './set_to_zero.ts'

/** Optimize all parameters but those that the mask means: these stay as they are, and nothing is kept for them. */
export const selectiveTransform = define(
  'transformation',
  {
    name: 'selective_transform',
    formula: 'u = 0  for tensors that freeze_mask means, else optimizer(g)',
    reference: 'optax.selective_transform',
    options: { optimizer: held(), freeze_mask: keywordOnly(mask()) },
  },
  ({ optimizer, freeze_mask }) => either(freeze_mask, setToZero(), at('inner', optimizer)),
)
