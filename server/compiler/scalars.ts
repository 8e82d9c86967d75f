import { type Expr, listed } from '../expression/index.ts'
import { combine, float64, neutral } from './float64.ts'
import { type Plan, placeKey, type Scalar } from './plan.ts'

/** What the scalars of a step are computed from. */
export interface Inputs {
  /** In the order of `plan.options`. */
  readonly options: Float64Array
  readonly loss: number
  /** Scalar state: the element of a piece, by the piece's place in `plan.state`. Not read for element slots. */
  readonly state: Float64Array
}

/**
 * The scalars of one step, on the host in float64: whatever the engine, they are computed here. An engine calls
 * `stage` before the passes of each stage, reads what they need with `get`, and hands in with `set` what they
 * reduced to one number a tensor.
 */
export class Scalars {
  readonly #plan: Plan
  readonly #inputs: Inputs
  readonly #values: Float64Array
  readonly #options: readonly string[]

  constructor(plan: Plan, inputs: Inputs) {
    this.#plan = plan
    this.#inputs = inputs
    this.#values = new Float64Array(plan.registers.length)
    this.#options = [...plan.options.keys()]
  }

  get(x: Expr, tensor: number): number {
    return this.#values[this.#address(x, tensor)] ?? Number.NaN
  }

  set(x: Expr, tensor: number, value: number): void {
    this.#values[this.#address(x, tensor)] = value
  }

  stage(index: number): void {
    for (const scalar of this.#plan.stages[index]?.scalars ?? []) {
      const tensors = scalar.group === undefined ? [0] : (this.#plan.groups[scalar.group]?.tensors ?? [])
      for (const tensor of tensors) this.set(scalar.value, tensor, this.#evaluate(scalar, tensor))
    }
  }

  /** Scalar state after the step. */
  commit(): Float64Array {
    const next = this.#inputs.state.slice()
    for (const { piece, value, tensor } of this.#plan.commits)
      next[piece] = flush(this.get(value, tensor ?? 0))
    return next
  }

  #address(x: Expr, tensor: number): number {
    const base = this.#plan.registers.base.get(x)
    if (base === undefined) throw new Error(`The scalar ${x.node.op} is not in the plan`)
    return x.extent === 'tensor' ? base + tensor : base
  }

  #evaluate({ value: { node, args, extent }, parts }: Scalar, tensor: number): number {
    switch (node.op) {
      case 'constant':
        return node.value
      case 'option':
        return this.#inputs.options[this.#options.indexOf(node.path)] ?? Number.NaN
      case 'loss':
        return this.#inputs.loss
      case 'slot':
        return (
          this.#inputs.state[this.#piece(node.slot, extent === 'tensor' ? tensor : undefined)] ?? Number.NaN
        )
      case 'count': {
        const shape = this.#plan.tensors[tensor]?.shape ?? []
        return listed(node.axes, shape.length).reduce((n, axis) => n * (shape[axis] ?? 1), 1)
      }
      case 'collect': {
        const join = combine[node.combine]
        return (parts ?? []).reduce(
          (sum, part) => join(sum, this.get(part.value, part.tensor)),
          neutral[node.combine],
        )
      }
      case 'gradient':
      case 'parameter':
      case 'reduce':
        throw new Error(`${node.op} is not a scalar`)
      default: {
        const [a, b, c] = args.map((arg) => this.get(arg, tensor))
        return float64[node.op](a ?? 0, b ?? 0, c ?? 0)
      }
    }
  }

  #piece(slot: string, tensor: number | undefined): number {
    return this.#plan.places.get(placeKey(slot, tensor)) ?? -1
  }
}

/** Kept numbers below the least normal float32 are 0 on every engine: denormals are slow, and never matter. */
export const flush = (x: number): number => (Math.abs(x) < 2 ** -126 ? 0 : x)

/** What a slot starts as: a number, or an expression over options. */
export function initial(plan: Plan, init: number | Expr, options: Float64Array): number {
  if (typeof init === 'number') return init
  const { node, args } = init
  if (node.op === 'constant') return node.value
  if (node.op === 'option') return options[[...plan.options.keys()].indexOf(node.path)] ?? Number.NaN
  if (!(node.op in float64))
    throw new Error(`A slot cannot start as ${node.op}: it is not known at the start`)
  const [a, b, c] = args.map((arg) => initial(plan, arg, options))
  return float64[node.op as keyof typeof float64](a ?? 0, b ?? 0, c ?? 0)
}
