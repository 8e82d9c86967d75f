import { totalmem } from 'node:os'
import { env } from 'node:process'
import { type Plan, sizeOf } from '../../compiler/plan.ts'
import { compact } from '../../compiler/rows.ts'
import { bytesOf } from '../dtypes.ts'
import {
  type Engine,
  piecesOf,
  type Replica,
  type SavedPiece,
  type Start,
  type StepInput,
  type StepOutput,
  type Tensors,
} from '../engine.ts'
import { missing } from './addon.ts'
import { Host } from './host.ts'
import type { SentPlan, SentStart } from './messages.ts'
import { type Parcel, pack } from './parcel.ts'
import { typeOf } from './replica.ts'

export interface TensorflowEngine extends Engine {
  /** Whether it computes on a GPU. */
  readonly gpu: boolean
  /** Tensors that TensorFlow holds. */
  count(): Promise<number>
}

/**
 * Plans as TensorFlow operations, with state on the GPU where there is one.
 * @throws Error that says what is missing, where TensorFlow is not set up
 */
export async function tensorflowEngine({ threads }: { readonly threads: number }): Promise<TensorflowEngine> {
  const lacking = missing()
  if (lacking !== undefined) throw new Error(`The engine tensorflow cannot start: ${lacking}`)
  configure(threads)
  const host = new Host()
  const { version, gpu } = await host.call('start', undefined)
  let opened = 0
  const device = gpu ? 'gpu' : `cpu${threads}`
  return {
    name: 'tensorflow',
    numerics: `tensorflow-1-${version}-${device}-v8.${process.versions.v8.split('.').slice(0, 2).join('.')}`,
    dtypes: ['F32', 'BF16', 'F16'],
    gpu,
    stateBytes,
    refuse(plan, rows) {
      // Rows of state are brought together, and the new ones put into a copy of all.
      const apart = rows === undefined || gpu ? 0 : 2 * stateBytes(compact(plan, rows))
      const [bytes, limit] = [needed(plan, gpu) + apart, memory()]
      return bytes > limit
        ? `it needs ${bytes} bytes with the buffers of a step, and the engine tensorflow has at most ${limit} here`
        : undefined
    },
    async open(plan, start) {
      const replica = opened++
      const parcel = await packStart(start)
      await host.call('open', { replica, plan, start: parcel.content }, parcel.buffers)
      return new RemoteReplica(host, replica)
    },
    count: () => host.call('count', undefined),
    close: () => host.end(),
  }
}

const stateBytes = (plan: Plan): number =>
  plan.state.reduce((sum, piece) => sum + piece.size * bytesOf[typeOf(piece)], 0)

/**
 * Memory of the machine that a session takes: a gradient, parameters and a reply; without a GPU also its state, the
 * new one beside the old, and some values between. What a GPU has room for is known only when it has no more.
 */
function needed(plan: Plan, gpu: boolean): number {
  const elements = plan.tensors.reduce((sum, tensor) => sum + sizeOf(tensor), 0)
  return gpu ? 12 * elements : 2 * stateBytes(plan) + 24 * elements
}

/** Beyond this the system would end the process, for TensorFlow is given memory that is not there. */
const memory = (): number => Math.min(totalmem(), process.constrainedMemory() || Number.POSITIVE_INFINITY)

/** TensorFlow takes its settings from the environment, and from nowhere else. What the user has set stays. */
function configure(threads: number): void {
  env.TF_CPP_MIN_LOG_LEVEL ??= '2'
  env.TF_FORCE_GPU_ALLOW_GROWTH ??= 'true'
  env.TF_NUM_INTRAOP_THREADS ??= String(threads)
}

const plansKept = 16

/** A session's state in the worker of TensorFlow. */
class RemoteReplica implements Replica {
  readonly #host: Host
  readonly #replica: number
  /** Plans that the worker has, by their place. */
  readonly #plans: Plan[] = []

  constructor(host: Host, replica: number) {
    this.#host = host
    this.#replica = replica
  }

  async step({ plan, gradients, parameters, ...rest }: StepInput): Promise<StepOutput> {
    const [sent, given] = [await packTensors(gradients), parameters && (await packTensors(parameters))]
    const input = {
      ...rest,
      gradients: sent.content,
      ...(given === undefined ? {} : { parameters: given.content }),
    }
    const gets = { replica: this.#replica, plan: this.#send(plan), input }
    return this.#host.call('step', gets, [...sent.buffers, ...(given?.buffers ?? [])])
  }

  #send(plan: Plan): SentPlan {
    const at = this.#plans.indexOf(plan)
    if (at >= 0) return { at }
    if (this.#plans.length === plansKept) this.#plans.length = 0
    return { at: this.#plans.push(plan) - 1, plan }
  }

  save(slot?: string): Promise<readonly SavedPiece[]> {
    return this.#host.call('save', { replica: this.#replica, slot })
  }

  close(): void {
    // Where the worker has ended, the state is gone already.
    this.#host.call('close', { replica: this.#replica }).catch(() => {})
  }
}

async function packTensors({ parts, ...rest }: Tensors): Promise<Parcel<Tensors>> {
  const packed = await pack(parts)
  return { content: { ...rest, parts: packed }, buffers: packed.map(({ buffer }) => buffer) }
}

async function packStart(start: Start): Promise<Parcel<SentStart>> {
  if ('saved' in start) {
    const saved = await piecesOf(start.saved)
    return { content: { saved }, buffers: saved.map(({ bytes }) => bytes.buffer) }
  }
  if (start.parameters === undefined) return { content: start, buffers: [] }
  const { content: parameters, buffers } = await packTensors(start.parameters)
  return { content: { ...start, parameters }, buffers }
}
