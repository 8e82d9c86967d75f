import type { Link, StateTree } from './link.ts'

/** Links one after the other, their state side by side: each must have a name of its own. */
export function series(links: readonly Link[]): Link {
  return {
    slots: (tensor) => merge(links.map((link) => link.slots(tensor))),
    update(g, state, context) {
      const next: StateTree[] = []
      let u = g
      for (const link of links) {
        const [out, after] = link.update(u, state, context)
        u = out
        next.push(after)
      }
      return [u, merge(next)]
    },
  }
}

function merge<T extends object>(parts: readonly T[]): T {
  const whole: Record<string, unknown> = {}
  for (const [name, value] of parts.flatMap((part) => Object.entries(part))) {
    if (Object.hasOwn(whole, name))
      throw new Error(`Two transformations of one optimizer keep state as ${name}`)
    whole[name] = value
  }
  return whole as T
}
