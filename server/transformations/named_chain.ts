import { define } from './form/define.ts'
import { heldInPairs } from './form/holding.ts'
import { at } from './form/place.ts'
import { series } from './form/series.ts'

/** Transformations one after the other, each by a name: `named_chain(("clip", clip(1.0)), ("adam", adam(1e-3)))`. */
export const namedChain = define(
  'transformation',
  {
    name: 'named_chain',
    formula: 'u = fₙ(… f₂(f₁(g)))',
    reference: 'optax.named_chain',
    options: { transforms: heldInPairs() },
  },
  ({ transforms }) => series(transforms.map(([name, link]) => at(name, link))),
)
