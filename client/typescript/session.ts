import type { Chain } from './chains.ts'
import { StepdError } from './errors.ts'
import { readSafetensors } from './safetensors.ts'
import { type History, putState } from './state.ts'
import { fromWire, type Gradients, type TensorSpec, type Tensors, toWire, type WireDtype } from './tensors.ts'
import type { Transport } from './transport.ts'

/** What to open. Chain and tensors may be left out to attach to a session that exists. */
export interface Spec {
  /** An Optax line, a tree of the builders, or the name of a registered chain. */
  readonly chain?: Chain
  readonly tensors?: readonly TensorSpec[]
  /** Initial parameters: with them the server keeps and updates its own copy. */
  readonly params?: Tensors
  /** Forget the session when idle this long (default a week). */
  readonly ttl_s?: number
  /** For transformations that draw random numbers (default 0). */
  readonly seed?: number
  /** How many workers make a step together (default 1); 0: each contribution is a step, on parameters the server keeps. */
  readonly workers?: number
  /** What a step is of the contributions' gradients (default the mean). */
  readonly aggregate?: 'mean' | 'sum'
  /** Close a step with so many contributions once `deadline_ms` have passed since the first: the two go together. */
  readonly quorum?: number
  readonly deadline_ms?: number
  /** With `workers: 0`: weigh by 1 / (1 + staleness), or refuse what is staler than n steps (default none). */
  readonly staleness?: 'none' | 'inverse' | `reject:${number}`
}

/** Who this is, where several workers share a session. */
export interface WorkerOptions {
  /** A name that no other worker has, and that this one has again when it is started again. */
  readonly worker?: string
  /** With `workers: 0`, the number of the first contribution: higher than any of this worker before (default: the time). */
  readonly seq?: number
}

export interface SessionInfo {
  readonly id: string
  /** Number of the latest step, 0 before the first. */
  readonly step: number
  /** The chain in canonical form. */
  readonly chain: string
  readonly schema_hash: string
  readonly tensors: readonly TensorSpec[]
  /** What every step must bring besides gradients. */
  readonly needs: { readonly params: boolean; readonly value: boolean }
  readonly params: 'none' | 'client' | 'server'
  readonly hyperparams: Readonly<Record<string, number>>
  readonly state_bytes: number
  readonly workers: number
  readonly aggregate?: 'mean' | 'sum'
  readonly quorum?: number
  readonly deadline_ms?: number
  readonly staleness?: string
  readonly ttl_s: number
  readonly created: string
  readonly expires_at: string
  /** The step from which replays are byte-identical. */
  readonly exact_from: number
}

export interface StepOptions<Of extends 'updates' | 'params' = 'updates'> {
  /** The parameters, where the client keeps them and the chain needs them: whole, or of the rows of the gradients. */
  readonly params?: Gradients
  /** The loss at this point, for chains that need it. */
  readonly value?: number
  /** Of this contribution among those of several workers (default 1). */
  readonly weight?: number
  /** How long the server lets it wait for other workers before it is asked again (default 30 000). */
  readonly wait_ms?: number
  /** Options to replace for this step and later ones: `{ learning_rate: 5e-4 }`, `{ '1.b1': 0.8 }`. */
  readonly hyperparams?: Readonly<Record<string, number>>
  /** Number type of the gradients on the wire (default F32). */
  readonly dtype?: WireDtype
  /**
   * What to send back: `params` where the server keeps them; its number type (default that of the gradients);
   * `stats` to have the step measured.
   */
  readonly want?: { readonly of?: Of; readonly dtype?: WireDtype; readonly stats?: boolean }
  readonly signal?: AbortSignal
}

/** `updates` or, where asked for, `params`: in the form of the gradients. */
export type StepResult<Form extends Gradients, Of extends 'updates' | 'params'> = {
  readonly step: number
  /** Whether the server had taken this step before: an earlier answer was lost. */
  readonly replayed: boolean
  /** Whether the gradients are part of the step: not where they came after it had closed without them. */
  readonly counted: boolean
  readonly stats?: Readonly<Record<string, number>>
} & { readonly [of in Of]: Form }

export const pathOf = (id: string): string => `/v1/sessions/${encodeURIComponent(id)}`

/** Create the session, or attach to the one that exists with the same spec. */
export async function open(
  transport: Transport,
  id: string,
  { worker, seq, ...spec }: Spec & WorkerOptions,
  signal?: AbortSignal,
) {
  const body = { ...spec, params: spec.params && toWire('params', spec.params) }
  const info = await transport.call({ method: 'PUT', path: pathOf(id), body, safe: true, signal })
  return new Session(transport, info as SessionInfo, worker, seq)
}

export class Session {
  readonly id: string
  readonly #transport: Transport
  readonly #path: string
  #info: SessionInfo
  #step: number
  readonly #worker: string | undefined
  #seq: number
  #underWay = false

  constructor(transport: Transport, info: SessionInfo, worker?: string, seq = Date.now() * 1000) {
    this.#worker = worker
    this.#seq = seq
    this.#transport = transport
    this.#path = pathOf(info.id)
    this.#info = info
    this.#step = info.step
    this.id = info.id
  }

  /** What the server last said of the session; `describe` asks again. */
  get info(): SessionInfo {
    return this.#info
  }

  /** Number of the latest step that this client knows of. */
  get currentStep(): number {
    return this.#step
  }

  /**
   * Send the gradients of the next step; answers with its updates. The step is numbered, so a lost answer is
   * asked for again and never counted twice. After a `ConnectionError` or an abort the step may have been taken:
   * the same call again settles it, another gradient is a `step_conflict`.
   *
   * Of several workers each sends its own, and all get the same bytes when all have. With `workers: 0` none waits, and
   * the answer is the fresh `params`.
   */
  async step<Form extends Gradients, Of extends 'updates' | 'params' = 'updates'>(
    grads: Form,
    { params, want, dtype, signal, ...rest }: StepOptions<Of> = {},
  ): Promise<StepResult<Form, Of>> {
    if (this.#underWay) {
      throw new Error(
        `Cannot send another step: step ${this.#step + 1} of session '${this.id}' is under way, await it first`,
      )
    }
    const of = want?.of ?? (this.#info.workers === 0 ? 'params' : 'updates')
    const sent = { grads: toWire('grads', grads, dtype), params: params && toWire('params', params) }
    const body = { ...rest, ...sent, ...this.#place(), dtype, want }
    this.#underWay = true
    try {
      const path = `${this.#path}/steps`
      const reply = await this.#transport.call({ method: 'POST', path, body, safe: true, signal })
      const result = reply as StepResult<Form, Of>
      this.#step = result.step
      this.#seq += 1
      return { ...result, [of]: fromWire(result[of as Of], want?.dtype ?? dtype) }
    } catch (error) {
      // An earlier contribution of this number was counted: the next one needs another.
      if (error instanceof StepdError && error.code === 'step_conflict') this.#seq += 1
      throw error
    } finally {
      this.#underWay = false
    }
  }

  /** What tells the server which step it is for, or which contribution it is. */
  #place() {
    const { workers } = this.#info
    const step = this.#step + 1
    if (workers === 1) return { step }
    const worker = this.#worker
    if (worker === undefined)
      throw new TypeError(
        `Cannot contribute to session '${this.id}': it has workers: ${workers}, expected open(id, { worker: 'a name' })`,
      )
    return workers === 0 ? { worker, seq: this.#seq, base: this.#step } : { worker, step }
  }

  /** Ask how the session stands; takes over its step, as after a `step_conflict`. */
  async describe(signal?: AbortSignal): Promise<SessionInfo> {
    const info = await this.#transport.get(this.#path, signal)
    this.#info = info as SessionInfo
    this.#step = this.#info.step
    return this.#info
  }

  /**
   * The parameters that the server keeps, by name, after the session's latest step. A worker of several goes on from
   * that step.
   */
  async params(signal?: AbortSignal): Promise<Record<string, Float32Array>> {
    const file = (await this.#transport.get(`${this.#path}/params`, signal)) as Uint8Array
    const { tensors, metadata } = readSafetensors(file)
    if (this.#info.workers !== 1) this.#step = Number(metadata.step)
    return tensors
  }

  /** All of its state at the latest step, as a safetensors file: for `importState`, and for Python's `safetensors`. */
  async exportState(signal?: AbortSignal): Promise<Uint8Array> {
    return (await this.#transport.get(`${this.#path}/state`, signal)) as Uint8Array
  }

  /**
   * Go back, or ahead, to the state of a file. Refused as `precondition_failed` where the session is not at the
   * `currentStep` that this client knows of.
   */
  async importState(file: Uint8Array, signal?: AbortSignal): Promise<SessionInfo> {
    this.#info = (await putState(this.#transport, this.#path, file, this.#step, signal)) as SessionInfo
    this.#step = this.#info.step
    return this.#info
  }

  /** Copy the session as it is now to another id. A copy of it that is there is left as it is. */
  async fork(id: string, worker: WorkerOptions = {}, signal?: AbortSignal): Promise<Session> {
    const call = { method: 'POST', path: `${this.#path}/fork`, body: { id }, safe: true, signal } as const
    const info = (await this.#transport.call(call)) as SessionInfo
    return new Session(this.#transport, info, worker.worker, worker.seq)
  }

  /** The latest of what happened to it: steps with their stats, changes of hyperparams. */
  async history(since = 0, signal?: AbortSignal): Promise<History> {
    return (await this.#transport.get(`${this.#path}/history?since=${since}`, signal)) as History
  }

  /** Replace options from the next step on. Not sent again by itself: it carries no number that would tell. */
  async setHyperparams(
    hyperparams: Readonly<Record<string, number>>,
    signal?: AbortSignal,
  ): Promise<SessionInfo> {
    const call = { method: 'PATCH', path: this.#path, body: { hyperparams }, safe: false, signal } as const
    this.#info = (await this.#transport.call(call)) as SessionInfo
    return this.#info
  }

  /** Forget the session. */
  async delete(signal?: AbortSignal): Promise<void> {
    await this.#transport.call({ method: 'DELETE', path: this.#path, safe: true, signal })
  }
}
