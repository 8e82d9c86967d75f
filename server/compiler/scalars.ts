import { type Expr, listed, type Primitive, type Tensor } from '../expression/index.ts'
import { lengthOf, reduced, spread, type Varies } from './axes.ts'
import { combine, float64, neutral } from './float64.ts'
import { addressOf, instructionsOf, tensorsOf } from './instructions.ts'
import { type Plan, placeKey, type Scalar } from './plan.ts'
import { compact, gatherHosted, type Rows, scatterHosted } from './rows.ts'
import { threefry } from './threefry.ts'

/** What the scalars of a step are computed from. */
export interface Inputs {
  /** In the order of `plan.options`. */
  readonly options: Float64Array
  readonly loss: number
  /** The state that the host keeps: each piece from its `host` on. */
  readonly state: Float64Array
  /** Where of some tensors the step is about certain rows only. */
  readonly rows?: readonly Rows[] | undefined
}

/**
 * The scalars and vectors of one step, on the host in float64: whatever the engine, they are computed here. An engine
 * calls `stage` before the passes of each stage, reads what they need with `get` and `vector`, and hands in with `set`
 * and `setVector` what they reduced.
 */
export class Scalars {
  /** The plan as this step has it: of the rows that it is about. */
  readonly plan: Plan
  readonly #whole: Plan
  #inputs: Inputs
  #state: Float64Array
  readonly #values: Float64Array
  // Most plans have none of either.
  #vectors: Map<Expr, Float64Array[]> | undefined
  #ordinals: Map<NonNullable<Scalar['parts']>, ReadonlyMap<number, number>> | undefined

  constructor(plan: Plan, inputs: Inputs) {
    const { rows, state } = inputs
    this.#whole = plan
    this.#inputs = inputs
    this.plan = rows === undefined ? plan : compact(plan, rows)
    this.#state = rows === undefined ? state : gatherHosted(plan, state, this.plan, rows)
    this.#values = new Float64Array(plan.registers.length)
  }

  /** Begin another step, of all rows and of a plan without vectors: all that the one before computed is computed again. */
  again(inputs: Inputs): this {
    this.#inputs = inputs
    this.#state = inputs.state
    return this
  }

  get(x: Expr, tensor: number): number {
    return this.#values[addressOf(this.plan, x, tensor)] ?? Number.NaN
  }

  set(x: Expr, tensor: number, value: number): void {
    this.#values[addressOf(this.plan, x, tensor)] = value
  }

  /** The numbers of a vector of a tensor, row-major over the axes that it keeps. */
  vector(x: Expr, tensor: number): Float64Array {
    const values = this.#vectors?.get(x)?.[tensor]
    if (values === undefined)
      throw new Error(`The vector ${x.node.op} of tensor ${tensor} is not computed yet`)
    return values
  }

  setVector(x: Expr, tensor: number, values: Float64Array): void {
    this.#vectors ??= new Map()
    const all = this.#vectors.get(x) ?? []
    all[tensor] = values
    this.#vectors.set(x, all)
  }

  stage(index: number): void {
    // Of some rows the plan is this step's own, and what is found once would be found for it alone.
    const plain = this.#inputs.rows === undefined ? (instructionsOf(this.plan)[index] ?? []) : []
    const registers = { values: this.#values, options: this.#inputs.options, state: this.#state }
    let next = 0
    for (const scalar of this.plan.stages[index]?.scalars ?? [])
      for (const tensor of tensorsOf(this.plan, scalar)) {
        const instruction = plain[next++]
        if (instruction !== undefined) instruction(registers)
        else if (scalar.value.extent === 'axes')
          this.setVector(scalar.value, tensor, this.#vectorOf(scalar.value, tensor))
        else this.set(scalar.value, tensor, this.#evaluate(scalar, tensor))
      }
  }

  /** State on the host after the step. */
  commit(): Float64Array {
    const { rows, state } = this.#inputs
    const next = this.#state.slice()
    for (const { piece, value, tensor = 0 } of this.plan.commits) {
      const { definition, host = 0 } = this.plan.state[piece] ?? {}
      if (definition?.extent !== 'axes') next[host] = flush(this.get(value, tensor))
      else {
        const to = { extent: 'axes', kept: definition.kept ?? [] } as const
        next.set(this.#numbers(value, tensor, to).map(flush), host)
      }
    }
    return rows === undefined ? next : scatterHosted(this.#whole, state, this.plan, next, rows)
  }

  /** A value as an array with as many numbers as the result has. */
  #numbers(x: Expr, tensor: number, to: Varies): Float64Array {
    const own = x.extent === 'axes' ? this.vector(x, tensor) : Float64Array.of(this.get(x, tensor))
    return spread(own, x, to, this.#tensor(tensor))
  }

  #tensor(index: number): Tensor {
    const tensor = this.plan.tensors[index]
    if (tensor === undefined) throw new Error(`The plan has no tensor ${index}`)
    return tensor
  }

  #vectorOf(x: Expr, index: number): Float64Array {
    const { node, args } = x
    const tensor = this.#tensor(index)
    if (node.op === 'slot') {
      const { host = 0, size = 0 } = this.plan.state[this.#piece(node.slot, index)] ?? {}
      return this.#state.subarray(host, host + size)
    }
    const [first] = args
    if (node.op === 'reduce' && first !== undefined)
      return reduced(this.vector(first, index), first, x, node.combine, tensor)
    const f = float64[node.op as Primitive]
    const [a = none, b = none, c = none] = args.map((arg) => this.#numbers(arg, index, x))
    const out = new Float64Array(lengthOf(x, tensor))
    for (let i = 0; i < out.length; i++) out[i] = f(a[i] ?? 0, b[i] ?? 0, c[i] ?? 0)
    return out
  }

  #evaluate({ value, parts }: Scalar, tensor: number): number {
    const { node, args, extent } = value
    switch (node.op) {
      case 'constant':
        return node.value
      case 'option':
        return this.#inputs.options[[...this.plan.options.keys()].indexOf(node.path)] ?? Number.NaN
      case 'loss':
        return this.#inputs.loss
      case 'slot': {
        const piece = this.plan.state[this.#piece(node.slot, extent === 'tensor' ? tensor : undefined)]
        return this.#state[piece?.host ?? -1] ?? Number.NaN
      }
      case 'count': {
        // Of the whole tensor: in a mean the rows that are not there count as zeros.
        const shape = this.#whole.tensors[tensor]?.shape ?? []
        return listed(node.axes, shape.length).reduce((n, axis) => n * (shape[axis] ?? 1), 1)
      }
      case 'collect': {
        const join = combine[node.combine]
        return (parts ?? []).reduce(
          (sum, part) => join(sum, this.get(part.value, part.tensor)),
          neutral[node.combine],
        )
      }
      case 'reduce': {
        const [of] = args
        if (of === undefined) throw new Error('A reduction is of one value')
        return (
          reduced(this.vector(of, tensor), of, value, node.combine, this.#tensor(tensor))[0] ?? Number.NaN
        )
      }
      case 'ordinal':
        return this.#ordinal(parts ?? [], tensor)
      case 'threefry': {
        const [key0 = 0, key1 = 0, counter = 0] = args.map((arg) => this.get(arg, tensor))
        return threefry(key0, key1, counter, node.word)
      }
      case 'gradient':
      case 'parameter':
      case 'routine':
        throw new Error(`${node.op} is not a scalar`)
      default: {
        const [a, b, c] = args.map((arg) => this.get(arg, tensor))
        return float64[node.op](a ?? 0, b ?? 0, c ?? 0)
      }
    }
  }

  /** How many parts are of tensors before this one. */
  #ordinal(parts: NonNullable<Scalar['parts']>, tensor: number): number {
    this.#ordinals ??= new Map()
    const known = this.#ordinals.get(parts) ?? new Map(parts.map((part, i) => [part.tensor, i]))
    this.#ordinals.set(parts, known)
    return known.get(tensor) ?? Number.NaN
  }

  #piece(slot: string, tensor: number | undefined): number {
    return this.plan.places.get(placeKey(slot, tensor)) ?? -1
  }
}

/** What an operand is that a primitive does not take. */
const none = new Float64Array()

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
