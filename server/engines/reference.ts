import { combine, float64, neutral, roundToBf16 } from '../compiler/float64.ts'
import { type Pass, type Phase, type Plan, placeKey, type StatePiece, sizeOf } from '../compiler/plan.ts'
import { flush, initial, Scalars } from '../compiler/scalars.ts'
import { type Expr, listed, type Primitive, type Tensor } from '../expression/index.ts'
import { bytesOf, dtypes, narrow, widen } from './dtypes.ts'
import type { Engine, Replica, SavedPiece, Start, StepInput, StepOutput, Tensors } from './engine.ts'

/** The engine that shows what is right: every plan in float64, one value after the other, as plainly as it can. */
export function referenceEngine(): Engine {
  return {
    name: 'reference',
    numerics: `reference-1-v8.${process.versions.v8.split('.').slice(0, 2).join('.')}`,
    dtypes,
    stateBytes: (plan) => plan.state.reduce((sum, piece) => sum + piece.size * bytesOf[typeOf(piece)], 0),
    refuse(plan) {
      const largest = Math.max(...plan.tensors.map(sizeOf))
      return largest > limit
        ? `a tensor has ${largest} elements, and the engine reference takes at most ${limit}`
        : undefined
    },
    open: async (plan, start) => new ReferenceReplica(plan, startOf(plan, start)),
    close: async () => {},
  }
}

/** Elements of a tensor: values of a step are kept as arrays of that length, a dozen at a time. */
const limit = 2 ** 28

/** Number type in which a piece is saved. */
const typeOf = (piece: StatePiece) => (piece.definition.type === 'BF16' ? 'BF16' : 'F64')

function startOf(plan: Plan, start: Start): Float64Array[] {
  if ('saved' in start) return start.saved.map(widen)
  return plan.state.map(({ definition: { init }, size, tensor }) => {
    if (init !== 'parameters') return new Float64Array(size).fill(initial(plan, init, start.options))
    if (start.parameters === undefined) throw new Error('State starts as the parameters, and there are none')
    return read(start.parameters, tensor ?? 0)
  })
}

function read({ dtype, parts }: Tensors, tensor: number): Float64Array {
  const bytes = parts[tensor]
  if (bytes === undefined) throw new Error(`There is no tensor ${tensor} among ${parts.length}`)
  return widen({ dtype, bytes })
}

class ReferenceReplica implements Replica {
  readonly #plan: Plan
  readonly #state: Float64Array[]

  constructor(plan: Plan, state: Float64Array[]) {
    this.#plan = plan
    this.#state = state
  }

  async step(input: StepInput): Promise<StepOutput> {
    const { plan, options, loss = Number.NaN, want } = input
    const before = Float64Array.from(this.#state, (values) => values[0] ?? 0)
    const scalars = new Scalars(plan, { options, loss, state: before })
    const run = new Run(input, this.#state, scalars)
    for (const [index, { passes }] of plan.stages.entries()) {
      scalars.stage(index)
      for (const pass of passes) run.pass(pass)
    }
    const after = scalars.commit()
    for (const { piece } of plan.commits) this.#state[piece]?.fill(after[piece] ?? Number.NaN)
    for (const [piece, values] of run.stored) this.#state[piece] = values
    const shown = new Map([...plan.exposed].map(([name, x]) => [name, scalars.get(x, 0)]))
    if (want === undefined) return { scalars: shown }
    const out = want.of === 'updates' ? run.updates : this.#slot('params')
    return { scalars: shown, parts: out.map((values) => narrow(values, want.dtype)) }
  }

  #slot(name: string): Float64Array[] {
    return this.#state.filter((_, i) => this.#plan.state[i]?.slot === name)
  }

  async save(): Promise<readonly SavedPiece[]> {
    return this.#plan.state.map((piece, i) => {
      const dtype = typeOf(piece)
      return { dtype, bytes: narrow(this.#state[i] ?? new Float64Array(), dtype) }
    })
  }

  close(): void {
    this.#state.length = 0
  }
}

/** One step in the course of being computed. Nothing of the state is overwritten. */
class Run {
  readonly updates: Float64Array[] = []
  readonly stored = new Map<number, Float64Array>()
  readonly #input: StepInput
  readonly #state: readonly Float64Array[]
  readonly #scalars: Scalars
  /** What reductions over some axes gave, a tensor. */
  readonly #reduced = new Map<number, Map<Expr, Float64Array>>()

  constructor(input: StepInput, state: readonly Float64Array[], scalars: Scalars) {
    this.#input = input
    this.#state = state
    this.#scalars = scalars
  }

  pass(pass: Pass): void {
    for (const index of this.#input.plan.groups[pass.group]?.tensors ?? [])
      for (const phase of pass.phases) this.#sweep(phase, index)
  }

  #sweep({ program, reductions, stores, update }: Phase, index: number): void {
    const tensor = this.#input.plan.tensors[index]
    if (tensor === undefined) throw new Error(`The plan has no tensor ${index}`)
    const values = new Map<Expr, Float64Array>()
    const value = (x: Expr) => values.get(x) ?? Float64Array.of(this.#scalars.get(x, index))
    for (const x of program) values.set(x, this.#compute(x, tensor, index, value))
    for (const { value: result, of } of reductions) {
      const reduced = reduce(result, value(of), tensor)
      if (result.extent === 'tensor') this.#scalars.set(result, index, reduced[0] ?? Number.NaN)
      else this.#reducedOf(index).set(result, reduced)
    }
    for (const { slot, value: next } of stores) this.#store(slot, index, expand(value(next), next, tensor))
    if (update !== undefined) this.updates[index] = expand(value(update), update, tensor)
  }

  #compute(x: Expr, tensor: Tensor, index: number, value: (x: Expr) => Float64Array): Float64Array {
    const { node, args } = x
    if (node.op === 'gradient') return read(this.#input.gradients, index)
    if (node.op === 'parameter') return read(this.#parameters(), index)
    if (node.op === 'slot') return this.#state[this.#piece(node.slot, index)] ?? new Float64Array()
    if (node.op === 'reduce') return this.#reducedOf(index).get(x) ?? new Float64Array()
    const f = float64[node.op as Primitive]
    const [a = none, b = none, c = none] = args.map((arg) => spread(value(arg), arg, x, tensor))
    const out = new Float64Array(lengthOf(x, tensor))
    for (let i = 0; i < out.length; i++) out[i] = f(a[i] ?? 0, b[i] ?? 0, c[i] ?? 0)
    return out
  }

  #parameters(): Tensors {
    if (this.#input.parameters === undefined) throw new Error('The plan needs parameters, and there are none')
    return this.#input.parameters
  }

  #piece(slot: string, tensor: number): number {
    return this.#input.plan.places.get(placeKey(slot, tensor)) ?? -1
  }

  #reducedOf(index: number): Map<Expr, Float64Array> {
    const own = this.#reduced.get(index) ?? new Map()
    this.#reduced.set(index, own)
    return own
  }

  #store(slot: string, tensor: number, values: Float64Array): void {
    const piece = this.#piece(slot, tensor)
    const bf16 = this.#input.plan.state[piece]?.definition.type === 'BF16'
    this.stored.set(
      piece,
      values.map((x) => flush(bf16 ? roundToBf16(x) : x)),
    )
  }
}

type Varies = Pick<Expr, 'extent' | 'kept'>
/** What an operand is that a primitive does not take. */
const none = new Float64Array()

/** Axes over which a value varies. */
const axesOf = ({ extent, kept }: Varies, { rank }: Tensor): readonly number[] => {
  if (extent === 'element') return listed('tensor', rank)
  return extent === 'axes' ? kept : []
}

const lengthOf = (x: Varies, tensor: Tensor): number =>
  axesOf(x, tensor).reduce((n, axis) => n * (tensor.shape[axis] ?? 1), 1)

/** Where in an operand the element stands that belongs to element i of the result. */
function indexer(from: Varies, to: Varies, tensor: Tensor): (i: number) => number {
  const length = lengthOf(from, tensor)
  if (length === 1) return () => 0
  const [own, all] = [axesOf(from, tensor), axesOf(to, tensor)]
  if (own.length === all.length) return (i) => i
  // Leading axes only: the rest of the result repeats each of them.
  if (own.every((axis, k) => axis === all[k])) {
    const repeat = lengthOf(to, tensor) / length
    return (i) => Math.floor(i / repeat)
  }
  return (i) => {
    let [rest, at, stride] = [i, 0, 1]
    for (const axis of [...all].reverse()) {
      const extent = tensor.shape[axis] ?? 1
      if (own.includes(axis)) {
        at += (rest % extent) * stride
        stride *= extent
      }
      rest = Math.floor(rest / extent)
    }
    return at
  }
}

function reduce(result: Expr, values: Float64Array, tensor: Tensor): Float64Array {
  if (result.node.op !== 'reduce') throw new Error(`${result.node.op} is not a reduction`)
  const [of] = result.args
  const join = combine[result.node.combine]
  const out = new Float64Array(lengthOf(result, tensor)).fill(neutral[result.node.combine])
  const at = of === undefined ? () => 0 : indexer(result, of, tensor)
  for (let i = 0; i < values.length; i++) out[at(i)] = join(out[at(i)] ?? 0, values[i] ?? 0)
  return out
}

/** A value for every element of the tensor. */
const expand = (values: Float64Array, x: Expr, tensor: Tensor): Float64Array =>
  spread(values, x, { extent: 'element', kept: [] }, tensor)

/** An operand with as many elements as the result: one that varies over fewer axes is repeated. */
function spread(values: Float64Array, from: Expr, to: Varies, tensor: Tensor): Float64Array {
  const length = lengthOf(to, tensor)
  if (values.length === length) return values
  if (values.length === 1) return new Float64Array(length).fill(values[0] ?? 0)
  const at = indexer(from, to, tensor)
  const out = new Float64Array(length)
  for (let i = 0; i < length; i++) out[i] = values[at(i)] ?? 0
  return out
}
