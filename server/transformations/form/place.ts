import type { Link, StateTree } from './link.ts'

/** A link at a place of its own: its options, its state and its norms go by paths that begin with the key. */
export const at = (key: string, link: Link): Link => ({
  slots: (tensor) => ({ [key]: link.slots(tensor) }),
  update(g, state, context) {
    const [u, after] = link.update(g, state[key] as StateTree, context.at(key))
    return [u, { [key]: after }]
  },
})
