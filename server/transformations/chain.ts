import { transforms } from '../expression/index.ts'
import type { Entry } from './form/define.ts'
import type { Link, SlotTree, StateTree } from './form/link.ts'

/** Transformations one after the other: each sees what the one before made of the gradient. */
export const chain: Entry = {
  kind: 'transformation',
  name: 'chain',
  formula: 'u = fₙ(… f₂(f₁(g)))',
  reference: 'optax.chain',
  options: { transforms: transforms() },
  make: ({ transforms }) => inOrder(transforms as readonly Link[]),
}

/** Links by their position. */
const inOrder = (links: readonly Link[]): Link => ({
  slots: (tensor) => Object.fromEntries(links.map((link, i) => [String(i), link.slots(tensor)])) as SlotTree,
  update(g, state, context) {
    const next: Record<string, StateTree> = {}
    let u = g
    for (const [i, link] of links.entries()) {
      const key = String(i)
      const [out, after] = link.update(u, state[key] as StateTree, context.at(key))
      u = out
      next[key] = after
    }
    return [u, next]
  },
})
