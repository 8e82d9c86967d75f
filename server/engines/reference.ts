import { everywhere, lengthOf, reduced, spread } from '../compiler/axes.ts'
import { float64, roundToBf16 } from '../compiler/float64.ts'
import {
  callsOn,
  type Pass,
  type Phase,
  type Plan,
  placeKey,
  type RoutineCall,
  type StatePiece,
  sizeOf,
} from '../compiler/plan.ts'
import { gatherRows, type Rows, rowsOf, scatterRows, widthOf } from '../compiler/rows.ts'
import { flush, initial, Scalars } from '../compiler/scalars.ts'
import type { Expr, Primitive, Tensor } from '../expression/index.ts'
import { bytesOf, dtypes, narrow, widen } from './dtypes.ts'
import {
  type Engine,
  piecesOf,
  type Replica,
  type SavedPiece,
  type Start,
  type StepInput,
  type StepOutput,
  type Tensors,
} from './engine.ts'
import { runRoutine } from './routines.ts'

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
    open: async (plan, start) => new ReferenceReplica(plan, await startOf(plan, start)),
    close: async () => {},
  }
}

/** Elements of a tensor: values of a step are kept as arrays of that length, a dozen at a time. */
const limit = 2 ** 28

/** Number type in which a piece is saved. */
const typeOf = (piece: StatePiece) => (piece.definition.type === 'BF16' ? 'BF16' : 'F64')

async function startOf(plan: Plan, start: Start): Promise<Float64Array[]> {
  if ('saved' in start) return (await piecesOf(start.saved)).map(widen)
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
    const { plan, options, loss = Number.NaN, want, gradients } = input
    const { rows } = gradients
    const before = new Float64Array(plan.hosted)
    plan.state.forEach(({ host }, i) => {
      if (host !== undefined) before.set(this.#state[i] ?? [], host)
    })
    const scalars = new Scalars(plan, { options, loss, state: before, rows })
    const state = this.#state.map((values, i) => this.#gathered(values, i, rows))
    const run = new Run({ ...input, plan: scalars.plan }, state, scalars)
    for (const [index, { routines, passes }] of plan.stages.entries()) {
      scalars.stage(index)
      for (const call of routines) run.routine(call)
      for (const pass of passes) run.pass(pass)
    }
    const after = scalars.commit()
    plan.state.forEach(({ host, size }, i) => {
      if (host !== undefined) this.#state[i] = after.slice(host, host + size)
    })
    for (const [piece, values] of run.stored) this.#store(piece, values, rows)
    const shown = new Map([...plan.exposed].map(([name, x]) => [name, scalars.get(x, 0)]))
    if (want === undefined) return { scalars: shown }
    const out = want.of === 'updates' ? run.updates : this.#slot('params', rows)
    return { scalars: shown, parts: out.map((values) => narrow(values, want.dtype)) }
  }

  /** What a step about certain rows sees of a piece of state. */
  #gathered(values: Float64Array, i: number, rows: readonly Rows[] = []): Float64Array {
    const piece = this.#plan.state[i]
    const own = piece && rowsOf(piece, rows)
    return piece === undefined || own === undefined
      ? values
      : gatherRows(values, own, widthOf(this.#plan, piece))
  }

  #store(i: number, values: Float64Array, rows: readonly Rows[] = []): void {
    const [piece, into] = [this.#plan.state[i], this.#state[i]]
    const own = piece && rowsOf(piece, rows)
    if (piece === undefined || own === undefined || into === undefined) this.#state[i] = values
    else scatterRows(into, own, values, widthOf(this.#plan, piece))
  }

  #slot(name: string, rows?: readonly Rows[]): Float64Array[] {
    return this.#state.flatMap((values, i) =>
      this.#plan.state[i]?.slot === name ? [this.#gathered(values, i, rows)] : [],
    )
  }

  async save(slot?: string): Promise<readonly SavedPiece[]> {
    return this.#plan.state.flatMap((piece, i) => {
      if (slot !== undefined && piece.slot !== slot) return []
      const dtype = typeOf(piece)
      return [{ dtype, bytes: narrow(this.#state[i] ?? new Float64Array(), dtype) }]
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
  /** What routines read and make, by slot and tensor. */
  readonly #temporaries = new Map<string, Float64Array>()
  /** What reductions of rows gave, a tensor. */
  readonly #reduced = new Map<number, Map<Expr, Float64Array>>()

  constructor(input: StepInput, state: readonly Float64Array[], scalars: Scalars) {
    this.#input = input
    this.#state = state
    this.#scalars = scalars
  }

  routine(call: RoutineCall): void {
    for (const { index, args } of callsOn(this.#input.plan, call)) {
      const given = args.map((arg) =>
        'slot' in arg
          ? this.#slot(arg.slot, arg.index)
          : Float64Array.of(this.#scalars.get(arg.value, index)),
      )
      const of = (k: number) => this.#tensor(args[k]?.index ?? index)
      const made = runRoutine(call.routine, given, this.#tensor(index), of)
      this.#temporaries.set(`${call.to} ${index}`, made)
    }
  }

  #tensor(index: number): Tensor {
    const tensor = this.#input.plan.tensors[index]
    if (tensor === undefined) throw new Error(`The plan has no tensor ${index}`)
    return tensor
  }

  #slot(slot: string, index: number): Float64Array {
    const piece = this.#piece(slot, index)
    return this.#temporaries.get(`${slot} ${index}`) ?? this.#state[piece] ?? new Float64Array()
  }

  pass(pass: Pass): void {
    for (const index of this.#input.plan.groups[pass.group]?.tensors ?? [])
      for (const phase of pass.phases) this.#sweep(phase, index)
  }

  #sweep({ program, reductions, stores, update }: Phase, index: number): void {
    const tensor = this.#tensor(index)
    const values = new Map<Expr, Float64Array>()
    const value = (x: Expr) => values.get(x) ?? Float64Array.of(this.#scalars.get(x, index))
    for (const x of program) values.set(x, this.#compute(x, tensor, index, value))
    for (const { value: result, of, combine: how } of reductions) {
      const found = reduced(value(of), of, result, how, tensor)
      if (result.extent === 'tensor') this.#scalars.set(result, index, found[0] ?? Number.NaN)
      else if (this.#input.plan.vectors.has(result)) this.#scalars.setVector(result, index, found)
      else this.#reducedOf(index).set(result, found)
    }
    for (const { slot, value: next } of stores)
      this.#store(slot, index, spread(value(next), next, everywhere, tensor))
    if (update !== undefined) this.updates[index] = spread(value(update), update, everywhere, tensor)
  }

  #compute(x: Expr, tensor: Tensor, index: number, value: (x: Expr) => Float64Array): Float64Array {
    const { node, args } = x
    if (this.#input.plan.vectors.has(x)) return this.#scalars.vector(x, index)
    if (node.op === 'gradient') return read(this.#input.gradients, index)
    if (node.op === 'parameter') return read(this.#parameters(), index)
    if (node.op === 'slot') return this.#slot(node.slot, index)
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
    if (piece < 0) {
      this.#temporaries.set(`${slot} ${tensor}`, values)
      return
    }
    const bf16 = this.#input.plan.state[piece]?.definition.type === 'BF16'
    this.stored.set(
      piece,
      values.map((x) => flush(bf16 ? roundToBf16(x) : x)),
    )
  }
}

/** What an operand is that a primitive does not take. */
const none = new Float64Array()
