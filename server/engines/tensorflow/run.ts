import { lengthOf } from '../../compiler/axes.ts'
import {
  callsOn,
  type Pass,
  type Phase,
  type Plan,
  type RoutineCall,
  type Stage,
  sizeOf,
} from '../../compiler/plan.ts'
import type { Scalars } from '../../compiler/scalars.ts'
import { type Expr, listed, type Primitive, type Tensor } from '../../expression/index.ts'
import type { StepInput, Tensors } from '../engine.ts'
import type { Device, Handle } from './device.ts'
import { flush, ops, reductions } from './ops.ts'
import { runRoutine } from './routines.ts'

/** What TensorFlow has reduced a tensor to, a number or a vector, not yet read. */
interface Reduced {
  readonly value: Expr
  readonly tensor: number
  readonly handle: Handle
  readonly size: number
}

/** One step in the course of being computed, in float32. Nothing of the state is overwritten. */
export class Run {
  readonly updates: Uint8Array[] = []
  /** State after the step, by place in `plan.state`. */
  readonly stored = new Map<number, Handle>()
  readonly #device: Device
  readonly #input: StepInput
  readonly #plan: Plan
  readonly #state: ReadonlyMap<number, Handle>
  readonly #pieces: ReadonlyMap<string, number>
  readonly #scalars: Scalars
  readonly #last: ReadonlyMap<number, number>
  /** Scalars of the session that are on the device. */
  readonly #uniforms = new Map<Expr, Handle>()
  /** Gradients and parameters that are on the device. */
  readonly #inputs = new Map<string, Handle>()
  /** What routines read and make, by slot and tensor. */
  readonly #temporaries = new Map<string, Handle>()
  /** What reductions of rows gave, a tensor. */
  readonly #rows = new Map<number, Map<Expr, Handle>>()

  constructor(device: Device, input: StepInput, state: ReadonlyMap<number, Handle>, scalars: Scalars) {
    this.#device = device
    this.#input = input
    this.#plan = input.plan
    this.#state = state
    this.#scalars = scalars
    this.#pieces = new Map(input.plan.state.map(({ slot, tensor }, i) => [`${slot} ${tensor}`, i]))
    this.#last = new Map(
      input.plan.stages.flatMap(({ passes }, stage) => passes.map(({ group }) => [group, stage] as const)),
    )
  }

  /** The passes of a stage; what they reduce for the host is read back at once, after the last of them. */
  stage({ routines, passes }: Stage, index: number): void {
    for (const call of routines) this.#routine(call)
    const found = passes.flatMap((pass) => this.#pass(pass, index))
    if (found.length === 0) return
    const numbers = this.#device.gather(found.map(({ handle }) => handle))
    let end = 0
    for (const { value, tensor, size } of found) {
      end += size
      if (value.extent === 'tensor') this.#scalars.set(value, tensor, numbers[end - 1] ?? Number.NaN)
      else this.#scalars.setVector(value, tensor, numbers.slice(end - size, end))
    }
  }

  #routine(call: RoutineCall): void {
    for (const { index, args } of callsOn(this.#plan, call)) {
      const arrays = args.flatMap((arg) =>
        'slot' in arg
          ? { handle: this.#kept(arg.slot, arg.index), tensor: tensorOf(this.#plan, arg.index) }
          : [],
      )
      const numbers = args.flatMap((arg) => ('slot' in arg ? [] : this.#scalars.get(arg.value, index)))
      const made = runRoutine(this.#device, call.routine, { numbers, arrays }, tensorOf(this.#plan, index))
      this.#temporaries.set(`${call.to} ${index}`, made)
    }
  }

  /** What a pass or a routine of this step left. */
  #kept(slot: string, index: number): Handle {
    const handle = this.#temporaries.get(`${slot} ${index}`)
    if (handle === undefined) throw new Error(`The slot ${slot} of tensor ${index} is read before it is made`)
    return handle
  }

  #pass({ group, phases }: Pass, stage: number): Reduced[] {
    const uses = phases.map((phase) => usesIn(phase, this.#plan.vectors, this.#input.want?.of === 'updates'))
    return (this.#plan.groups[group]?.tensors ?? []).flatMap((index) => {
      const tensor = tensorOf(this.#plan, index)
      const found = phases.flatMap((phase, i) => this.#sweep(phase, uses[i] ?? new Map(), tensor, index))
      if (this.#last.get(group) === stage) this.#forget(index)
      return found
    })
  }

  /** Free what a step holds of a tensor, once no pass will read it. */
  #forget(index: number): void {
    for (const name of ['gradients', 'parameters'] as const) {
      const handle = this.#inputs.get(`${name} ${index}`)
      if (handle !== undefined) this.#device.free(handle)
      this.#inputs.delete(`${name} ${index}`)
    }
    for (const handle of this.#rows.get(index)?.values() ?? []) this.#device.free(handle)
    this.#rows.delete(index)
  }

  #sweep(phase: Phase, uses: ReadonlyMap<Expr, number>, tensor: Tensor, index: number): Reduced[] {
    const values = new Values(this.#device, uses, (x) => this.#uniform(x, index))
    for (const x of phase.program) if (uses.has(x)) this.#compute(x, values, tensor, index)
    const found = phase.reductions.flatMap(({ value, of }) =>
      this.#reduce(value, values.of(of), tensor, index),
    )
    for (const { slot, value } of phase.stores) {
      if (this.#isTemporary(slot, index)) {
        const x = values.of(value)
        this.#temporaries.set(
          `${slot} ${index}`,
          this.#device.tidy(() => this.#copy(this.#expand(x, value, tensor))),
        )
        continue
      }
      const piece = this.#piece(slot, index)
      const bf16 = this.#plan.state[piece]?.definition.type === 'BF16'
      const x = values.of(value)
      const next = this.#device.tidy(() => {
        const wide = this.#expand(x, value, tensor)
        return flush(this.#device, bf16 ? ops.bf16(this.#device, wide, none, none) : wide)
      })
      this.stored.set(piece, next)
    }
    this.#update(phase.update, values, tensor, index)
    values.end()
    return found
  }

  #update(update: Expr | undefined, values: Values, tensor: Tensor, index: number): void {
    const { want } = this.#input
    if (update === undefined || want?.of !== 'updates') return
    const x = values.of(update)
    this.updates[index] = this.#device.scope(() =>
      this.#device.download(this.#expand(x, update, tensor), want.dtype, sizeOf(tensor)),
    )
  }

  /** A scalar on the device; those of the session once a step. */
  #uniform(x: Expr, index: number): Handle {
    if (x.extent === 'tensor') return this.#device.scalar(this.#scalars.get(x, index))
    const known = this.#uniforms.get(x) ?? this.#device.scalar(this.#scalars.get(x, index))
    this.#uniforms.set(x, known)
    return known
  }

  #compute(x: Expr, values: Values, tensor: Tensor, index: number): void {
    const { node, args } = x
    if (this.#plan.vectors.has(x)) values.give(x, this.#vector(x, tensor, index))
    else if (node.op === 'gradient') values.lend(x, this.#given('gradients', tensor, index))
    else if (node.op === 'parameter') values.lend(x, this.#given('parameters', tensor, index))
    else if (node.op === 'reduce') values.lend(x, this.#row(x, index))
    else if (node.op === 'slot') this.#read(node.slot, x, values, index)
    else {
      const [a = none, b = none, c = none] = args.map((arg) => values.of(arg))
      const result = this.#device.tidy(() => ops[node.op as Primitive](this.#device, a, b, c))
      values.give(x, result)
      for (const arg of args) values.used(arg)
    }
  }

  /** A vector on the device, with axes of size 1 where it keeps none. */
  #vector(x: Expr, { shape }: Tensor, index: number): Handle {
    const numbers = Float32Array.from(this.#scalars.vector(x, index))
    const own = shape.map((size, axis) => (x.kept.includes(axis) ? size : 1))
    return this.#device.upload(new Uint8Array(numbers.buffer), 'F32', own)
  }

  #isTemporary(slot: string, index: number): boolean {
    return !this.#pieces.has(`${slot} ${index}`)
  }

  /** The value may be freed before it is read again. */
  #copy(x: Handle): Handle {
    return this.#device.run('Identity', [x])
  }

  #read(slot: string, x: Expr, values: Values, index: number): void {
    if (this.#isTemporary(slot, index)) {
      values.lend(x, this.#kept(slot, index))
      return
    }
    const piece = this.#piece(slot, index)
    const handle = this.#state.get(piece)
    if (handle === undefined) throw new Error(`The slot ${slot} is not in TensorFlow's memory`)
    if (this.#plan.state[piece]?.definition.type !== 'BF16') values.lend(x, handle)
    else values.give(x, this.#device.cast(handle, 'F32'))
  }

  #given(name: 'gradients' | 'parameters', { shape }: Tensor, index: number): Handle {
    const tensors: Tensors | undefined = this.#input[name]
    const bytes = tensors?.parts[index]
    if (tensors === undefined || bytes === undefined)
      throw new Error(`The plan needs ${name}, and there are none of tensor ${index}`)
    const known = this.#inputs.get(`${name} ${index}`) ?? this.#device.upload(bytes, tensors.dtype, shape)
    this.#inputs.set(`${name} ${index}`, known)
    return known
  }

  #row(x: Expr, index: number): Handle {
    const handle = this.#rows.get(index)?.get(x)
    if (handle === undefined) throw new Error(`A reduction of tensor ${index} is read before it is made`)
    return handle
  }

  #piece(slot: string, tensor: number): number {
    const piece = this.#pieces.get(`${slot} ${tensor}`)
    if (piece === undefined) throw new Error(`The plan keeps no ${slot} for tensor ${tensor}`)
    return piece
  }

  #reduce(value: Expr, of: Handle, tensor: Tensor, index: number): Reduced[] {
    const { node } = value
    const { rank } = tensor
    if (node.op !== 'reduce') throw new Error(`${node.op} is not a reduction`)
    const op = reductions[node.combine]
    const axes = listed(node.axes, rank)
    if (value.extent === 'tensor' || this.#plan.vectors.has(value)) {
      const handle = this.#device.reduce(op, of, axes, false)
      return [{ value, tensor: index, handle, size: lengthOf(value, tensor) }]
    }
    const own = this.#rows.get(index) ?? new Map<Expr, Handle>()
    const row = this.#device.tidy(() => this.#device.cast(this.#device.reduce(op, of, axes, true), 'F32'))
    this.#rows.set(index, own.set(value, row))
    return []
  }

  /** A value for every element of the tensor. */
  #expand(x: Handle, { extent }: Expr, { shape }: Tensor): Handle {
    return extent === 'element' ? x : this.#device.run('BroadcastTo', [x, this.#device.integers(shape)])
  }
}

/** What an operand is that a primitive does not take. */
const none: Handle = -1

function tensorOf({ tensors }: Plan, index: number): Tensor {
  const tensor = tensors[index]
  if (tensor === undefined) throw new Error(`The plan has no tensor ${index}`)
  return tensor
}

/** How often each value of a phase is read; those that nothing wanted depends on are left out. */
function usesIn(
  { program, reductions: ends, stores, update }: Phase,
  vectors: Plan['vectors'],
  wanted: boolean,
): Map<Expr, number> {
  const uses = new Map<Expr, number>()
  const use = (x: Expr) => uses.set(x, (uses.get(x) ?? 0) + 1)
  for (const { of } of ends) use(of)
  for (const { value } of stores) use(value)
  if (update !== undefined && wanted) use(update)
  for (const x of [...program].reverse())
    if (uses.has(x) && x.node.op !== 'reduce' && !vectors.has(x)) x.args.forEach(use)
  return uses
}

/** The values of one tensor in the course of a phase, each freed when it has been read for the last time. */
class Values {
  readonly #device: Device
  readonly #left: Map<Expr, number>
  readonly #uniform: (x: Expr) => Handle
  readonly #known = new Map<Expr, { readonly handle: Handle; readonly own: boolean }>()

  constructor(device: Device, uses: ReadonlyMap<Expr, number>, uniform: (x: Expr) => Handle) {
    this.#device = device
    this.#left = new Map(uses)
    this.#uniform = uniform
  }

  /** A value that belongs to the phase. */
  give(x: Expr, handle: Handle): void {
    this.#known.set(x, { handle, own: true })
  }

  /** A value that others read too. */
  lend(x: Expr, handle: Handle): void {
    this.#known.set(x, { handle, own: false })
  }

  /** The value; a scalar is brought over. */
  of(x: Expr): Handle {
    return this.#known.get(x)?.handle ?? this.#uniform(x)
  }

  /** One use of a value is over. */
  used(x: Expr): void {
    const left = (this.#left.get(x) ?? 0) - 1
    this.#left.set(x, left)
    const known = this.#known.get(x)
    if (left > 0 || known === undefined) return
    this.#known.delete(x)
    if (known.own) this.#device.free(known.handle)
  }

  end(): void {
    for (const { handle, own } of this.#known.values()) if (own) this.#device.free(handle)
  }
}
