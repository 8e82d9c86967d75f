import { constant, Expr, type Slot, select } from '../../expression/index.ts'
import type { Apart, SlotTree, StateTree } from './link.ts'

/** The state after a step if it is taken, else as it was before: whatever the step would have made of it. */
export const kept = (taken: Expr, after: StateTree, before: StateTree): StateTree =>
  zip(after, before, (a, b) => select(taken, a, b))

/** One or the other, as Optax blends them: chosen · 1 + other · 0, so that what is not finite passes through. */
export const blended = (first: Expr, a: StateTree, b: StateTree): StateTree =>
  zip(a, b, (x, y) => blend(first, x, y))

export const blend = (first: Expr, a: Expr, b: Expr): Expr => a.mul(first).add(b.mul(first.neg().add(1)))

/** State as it starts, where the parameters are these. */
export const started = (slots: SlotTree, parameter: Expr): StateTree =>
  Object.fromEntries(Object.entries(slots).map(([name, x]) => [name, begun(x, parameter)]))

function begun(x: Slot | SlotTree | Apart, parameter: Expr): Expr | StateTree {
  if (isSlot(x)) return startOf(x, parameter)
  return isApart(x) ? begun(x.slots, parameter) : started(x, parameter)
}

const startOf = ({ init }: Slot, parameter: Expr): Expr => {
  if (init === 'parameters') return parameter
  return typeof init === 'number' ? constant(init) : init
}

export const isSlot = (x: object): x is Slot => 'extent' in x && typeof x.extent === 'string'
export const isApart = (x: object): x is Apart => 'shape' in x && Array.isArray(x.shape)

function zip(a: StateTree, b: StateTree, join: (a: Expr, b: Expr) => Expr): StateTree {
  return Object.fromEntries(
    Object.entries(a).map(([name, x]) => {
      const y = b[name]
      if (x instanceof Expr && y instanceof Expr) return [name, join(x, y)]
      if (x instanceof Expr || y instanceof Expr || y === undefined)
        throw new Error(`State ${name} is not the same tree before and after a step`)
      return [name, zip(x, y, join)]
    }),
  )
}
