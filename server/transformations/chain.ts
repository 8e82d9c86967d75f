import { transforms } from '../expression/index.ts'
import type { Entry } from './form/define.ts'
import type { Link } from './form/link.ts'
import { at } from './form/place.ts'
import { series } from './form/series.ts'

/** Transformations one after the other: each sees what the one before made of the gradient. */
export const chain: Entry = {
  kind: 'transformation',
  name: 'chain',
  formula: 'u = fₙ(… f₂(f₁(g)))',
  reference: 'optax.chain',
  options: { transforms: transforms() },
  make: ({ transforms }) => series((transforms as readonly Link[]).map((link, i) => at(String(i), link))),
}
