import type { Expr } from '../expression/index.ts'
import { combine, float64, neutral } from './float64.ts'
import { type Plan, placeKey, type Scalar } from './plan.ts'

/** What the plain scalars of a step are computed from and kept in. */
export interface Registers {
  readonly values: Float64Array
  readonly options: Float64Array
  readonly state: Float64Array
}

/** Computes one scalar of one tensor; undefined for those that are not plain. */
export type Instruction = ((registers: Registers) => void) | undefined

const known = new WeakMap<Plan, readonly (readonly Instruction[])[]>()

/**
 * Scalars that are made of numbers only, with all addresses found once for a plan: one of each stage's scalars, in order,
 * and of the tensors of each. A step of few elements spends most of its time on these.
 */
export function instructionsOf(plan: Plan): readonly (readonly Instruction[])[] {
  const found =
    known.get(plan) ??
    plan.stages.map(({ scalars }) =>
      scalars.flatMap((scalar) => tensorsOf(plan, scalar).map((tensor) => instruction(plan, scalar, tensor))),
    )
  known.set(plan, found)
  return found
}

/** The tensors that a scalar is computed for: one of no tensor once. */
export const tensorsOf = ({ groups }: Plan, { group }: Scalar): readonly number[] =>
  group === undefined ? [0] : (groups[group]?.tensors ?? [])

/** Where the value of a scalar is kept. */
export function addressOf({ registers }: Plan, x: Expr, tensor: number): number {
  const base = registers.base.get(x)
  if (base === undefined) throw new Error(`The scalar ${x.node.op} is not in the plan`)
  return x.extent === 'tensor' ? base + tensor : base
}

function instruction(plan: Plan, { value, parts = [] }: Scalar, tensor: number): Instruction {
  const { node, args, extent } = value
  if (extent === 'axes') return undefined
  const to = addressOf(plan, value, tensor)
  switch (node.op) {
    case 'constant':
      return ({ values }) => {
        values[to] = node.value
      }
    case 'option': {
      const at = [...plan.options.keys()].indexOf(node.path)
      return ({ values, options }) => {
        values[to] = options[at] ?? Number.NaN
      }
    }
    case 'slot': {
      const place = plan.places.get(placeKey(node.slot, extent === 'tensor' ? tensor : undefined)) ?? -1
      const at = plan.state[place]?.host ?? -1
      return ({ values, state }) => {
        values[to] = state[at] ?? Number.NaN
      }
    }
    case 'collect': {
      const join = combine[node.combine]
      const from = parts.map((part) => addressOf(plan, part.value, part.tensor))
      return ({ values }) => {
        values[to] = from.reduce((sum, at) => join(sum, values[at] ?? 0), neutral[node.combine])
      }
    }
    default: {
      if (!(node.op in float64)) return undefined
      const f = float64[node.op as keyof typeof float64]
      const [a = -1, b = -1, c = -1] = args.map((arg) => addressOf(plan, arg, tensor))
      return ({ values }) => {
        values[to] = f(values[a] ?? 0, values[b] ?? 0, values[c] ?? 0)
      }
    }
  }
}
