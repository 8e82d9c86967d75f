import type { Chain } from './chains.ts'
import { readSafetensors } from './safetensors.ts'
import { fromWire, type TensorSpec, type Tensors, toWire } from './tensors.ts'
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
  readonly ttl_s: number
  readonly created: string
  readonly expires_at: string
  /** The step from which replays are byte-identical. */
  readonly exact_from: number
}

export interface StepOptions<Of extends 'updates' | 'params' = 'updates'> {
  /** The parameters, where the client keeps them and the chain needs them. */
  readonly params?: Tensors
  /** The loss at this point, for chains that need it. */
  readonly value?: number
  /** Options to replace for this step and later ones: `{ learning_rate: 5e-4 }`, `{ '1.b1': 0.8 }`. */
  readonly hyperparams?: Readonly<Record<string, number>>
  /** What to send back: `params` where the server keeps them; `stats` to have the step measured. */
  readonly want?: { readonly of?: Of; readonly stats?: boolean }
  readonly signal?: AbortSignal
}

/** `updates` or, where asked for, `params`: in the form of the gradients. */
export type StepResult<Form extends Tensors, Of extends 'updates' | 'params'> = {
  readonly step: number
  /** Whether the server had taken this step before: an earlier answer was lost. */
  readonly replayed: boolean
  readonly counted: boolean
  readonly stats?: Readonly<Record<string, number>>
} & { readonly [of in Of]: Form }

const pathOf = (id: string): string => `/v1/sessions/${encodeURIComponent(id)}`

/** Create the session, or attach to the one that exists with the same spec. */
export async function open(transport: Transport, id: string, spec: Spec, signal?: AbortSignal) {
  const body = { ...spec, params: spec.params && toWire('params', spec.params) }
  const info = await transport.call({ method: 'PUT', path: pathOf(id), body, safe: true, signal })
  return new Session(transport, info as SessionInfo)
}

export class Session {
  readonly id: string
  readonly #transport: Transport
  readonly #path: string
  #info: SessionInfo
  #step: number
  #underWay = false

  constructor(transport: Transport, info: SessionInfo) {
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
   */
  async step<Form extends Tensors, Of extends 'updates' | 'params' = 'updates'>(
    grads: Form,
    { params, want, signal, ...rest }: StepOptions<Of> = {},
  ): Promise<StepResult<Form, Of>> {
    const step = this.#step + 1
    if (this.#underWay) {
      throw new Error(
        `Cannot send another step: step ${step} of session '${this.id}' is under way, await it first`,
      )
    }
    const of = want?.of ?? 'updates'
    const sent = { grads: toWire('grads', grads), params: params && toWire('params', params) }
    const body = { ...rest, ...sent, step, want }
    this.#underWay = true
    try {
      const path = `${this.#path}/steps`
      const reply = await this.#transport.call({ method: 'POST', path, body, safe: true, signal })
      const result = reply as StepResult<Form, Of>
      this.#step = result.step
      return { ...result, [of]: fromWire(result[of as Of]) }
    } finally {
      this.#underWay = false
    }
  }

  /** Ask how the session stands; takes over its step, as after a `step_conflict`. */
  async describe(signal?: AbortSignal): Promise<SessionInfo> {
    const info = await this.#transport.get(this.#path, signal)
    this.#info = info as SessionInfo
    this.#step = this.#info.step
    return this.#info
  }

  /** The parameters that the server keeps, by name, after the session's latest step. */
  async params(signal?: AbortSignal): Promise<Record<string, Float32Array>> {
    return readSafetensors((await this.#transport.get(`${this.#path}/params`, signal)) as Uint8Array)
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
