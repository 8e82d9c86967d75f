import type { Mask, Tensor } from '../../expression/index.ts'
import type { Link } from './link.ts'

/** Each tensor has the link that is chosen for it: of the others it keeps nothing, and it is in none of their norms. */
export const chosen = (choose: (tensor: Tensor) => Link): Link => ({
  slots: (tensor) => choose(tensor).slots(tensor),
  update: (g, state, context) => choose(context.tensor).update(g, state, context),
})

/** One link for the tensors that the mask means, another for the rest. */
export const either = (mask: Mask, masked: Link, rest: Link): Link =>
  chosen((tensor) => (mask(tensor) ? masked : rest))

/** A link for the tensors that the mask means; all others pass as they are. */
export const maskedBy = (mask: Mask, link: Link): Link => either(mask, link, untouched)

const untouched: Link = { slots: () => ({}), update: (g) => [g, {}] }
