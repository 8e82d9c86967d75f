import type { Plan, StatePiece } from '../../compiler/plan.ts'
import { type Rows, rowsOf } from '../../compiler/rows.ts'
import { initial, Scalars } from '../../compiler/scalars.ts'
import { type Dtype, narrow, widen } from '../dtypes.ts'
import type { SavedPiece, StepInput, StepOutput } from '../engine.ts'
import type { Device, Handle } from './device.ts'
import type { SentStart } from './messages.ts'
import { Run } from './run.ts'

/** Number type in which a piece of state is kept: scalars live on the host. */
export const typeOf = ({ definition: { extent, type } }: StatePiece): Dtype => {
  if (extent !== 'element') return 'F64'
  return type === 'BF16' ? 'BF16' : 'F32'
}

/** The state of a session in TensorFlow's memory; its scalars are kept beside, in float64. */
export class DeviceReplica {
  readonly #plan: Plan
  readonly #device: Device
  /** By place in `plan.state`; none for scalars. */
  readonly #handles = new Map<number, Handle>()
  #scalars: Float64Array

  constructor(device: Device, plan: Plan, start: SentStart) {
    this.#device = device
    this.#plan = plan
    this.#scalars = new Float64Array(plan.hosted)
    device.scope(() => {
      plan.state.forEach((piece, i) => {
        if (piece.definition.extent === 'element') this.#handles.set(i, this.#begin(piece, i, start))
        else this.#host(piece).set(hostedOf(plan, piece, i, start))
      })
      device.keep(this.#handles.values())
    })
  }

  /** A piece of the state that the host keeps. */
  #host({ host = 0, size }: StatePiece): Float64Array {
    return this.#scalars.subarray(host, host + size)
  }

  #begin(piece: StatePiece, i: number, start: SentStart): Handle {
    const { definition, tensor = 0 } = piece
    const shape = this.#plan.tensors[tensor]?.shape ?? []
    if ('saved' in start || definition.init === 'parameters') {
      const { dtype, bytes } = 'saved' in start ? savedOf(start.saved, i) : parameterOf(start, tensor)
      return this.#kept(piece, this.#device.upload(bytes, dtype, shape))
    }
    const value = this.#device.scalar(initial(this.#plan, definition.init, start.options))
    return this.#kept(piece, this.#device.run('Fill', [this.#device.integers(shape), value]))
  }

  /** In the number type in which the piece is kept. */
  #kept(piece: StatePiece, x: Handle): Handle {
    return typeOf(piece) === 'BF16' ? this.#device.cast(x, 'BF16') : x
  }

  /** One step. If it fails the state is as it was. */
  step(input: StepInput): StepOutput {
    const { plan, options, loss = Number.NaN, want, gradients } = input
    const { rows = [] } = gradients
    return this.#device.scope(() => {
      const scalars = new Scalars(plan, { options, loss, state: this.#scalars, rows: gradients.rows })
      const state = new Map([...this.#handles].map(([i, x]) => [i, this.#gathered(x, i, rows)]))
      const run = new Run(this.#device, { ...input, plan: scalars.plan }, state, scalars)
      for (const [index, stage] of plan.stages.entries()) {
        scalars.stage(index)
        run.stage(stage, index)
      }
      for (const [i, x] of run.stored) state.set(i, this.#kept(this.#piece(i), x))
      const next = [...run.stored.keys()].map((i) => [i, this.#whole(i, state, rows)] as const)
      const shown = new Map([...plan.exposed].map(([name, x]) => [name, scalars.get(x, 0)]))
      const output =
        want === undefined
          ? { scalars: shown }
          : {
              scalars: shown,
              parts: want.of === 'updates' ? run.updates : this.#parameters(want.dtype, scalars.plan, state),
            }
      this.#device.keep(next.map(([, x]) => x))
      for (const [i, x] of next) {
        const before = this.#handles.get(i)
        if (before !== undefined) this.#device.free(before)
        this.#handles.set(i, x)
      }
      this.#scalars = scalars.commit()
      return output
    })
  }

  /** What a step about certain rows sees of a piece of state. */
  #gathered(x: Handle, i: number, rows: readonly Rows[]): Handle {
    const own = rowsOf(this.#piece(i), rows)
    return own === undefined ? x : this.#device.rowsOf(x, own)
  }

  /** A piece of state after a step: rows that it was not about are as they were. */
  #whole(i: number, state: ReadonlyMap<number, Handle>, rows: readonly Rows[]): Handle {
    const [own, x] = [rowsOf(this.#piece(i), rows), handleOf(state, i)]
    return own === undefined ? x : this.#device.withRows(handleOf(this.#handles, i), own, x)
  }

  #piece(i: number): StatePiece {
    const piece = this.#plan.state[i]
    if (piece === undefined) throw new Error(`There is no piece of state ${i} of ${this.#plan.state.length}`)
    return piece
  }

  #parameters(dtype: Dtype, plan: Plan, state: ReadonlyMap<number, Handle>): Uint8Array[] {
    return plan.state.flatMap((piece, i) =>
      piece.slot === 'params' ? [this.#read(piece, handleOf(state, i), dtype)] : [],
    )
  }

  #read(piece: StatePiece, x: Handle, dtype: Dtype): Uint8Array<ArrayBuffer> {
    return this.#device.scope(() => {
      const wide = typeOf(piece) === 'BF16' ? this.#device.cast(x, 'F32') : x
      return this.#device.download(wide, dtype, piece.size)
    })
  }

  save(slot?: string): SavedPiece[] {
    return this.#device.scope(() =>
      this.#plan.state.flatMap((piece, i): SavedPiece[] => {
        if (slot !== undefined && piece.slot !== slot) return []
        const dtype = typeOf(piece)
        if (dtype === 'F64') return [{ dtype, bytes: narrow(this.#host(piece), dtype) }]
        return [{ dtype, bytes: this.#read(piece, handleOf(this.#handles, i), dtype) }]
      }),
    )
  }

  close(): void {
    for (const handle of this.#handles.values()) this.#device.free(handle)
    this.#handles.clear()
  }
}

function handleOf(handles: ReadonlyMap<number, Handle>, i: number): Handle {
  const handle = handles.get(i)
  if (handle === undefined) throw new Error(`The piece of state ${i} is not in TensorFlow's memory`)
  return handle
}

function savedOf(saved: readonly SavedPiece[], i: number): SavedPiece {
  const piece = saved[i]
  if (piece === undefined) throw new Error(`There is no saved piece ${i} among ${saved.length}`)
  return piece
}

function parameterOf(start: Extract<SentStart, { options: Float64Array }>, tensor: number): SavedPiece {
  const bytes = start.parameters?.parts[tensor]
  if (start.parameters === undefined || bytes === undefined)
    throw new Error('State starts as the parameters, and there are none')
  return { dtype: start.parameters.dtype, bytes }
}

function hostedOf(
  plan: Plan,
  { definition: { init }, size, tensor = 0 }: StatePiece,
  i: number,
  start: SentStart,
): Float64Array {
  if (!('saved' in start) && init !== 'parameters')
    return new Float64Array(size).fill(initial(plan, init, start.options))
  return widen('saved' in start ? savedOf(start.saved, i) : parameterOf(start, tensor))
}
