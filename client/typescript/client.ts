import type { Chain } from './chains.ts'
import { open, pathOf, Session, type SessionInfo, type Spec, type WorkerOptions } from './session.ts'
import { putState } from './state.ts'
import { fromWire, type Gradients, type TensorSpec, toWire } from './tensors.ts'
import { type ConnectOptions, Transport } from './transport.ts'

/** One step from fresh state, of which the server keeps nothing. */
export interface ApplyRequest<Form extends Gradients> {
  readonly chain: Chain
  readonly tensors: readonly TensorSpec[]
  readonly grads: Form
  readonly params?: Gradients
  readonly value?: number
}

export interface Query {
  readonly prefix?: string
  readonly limit?: number
  readonly cursor?: string
}

/** A page of sessions; `cursor`, for the next page, is absent after the last. */
export interface SessionPage {
  readonly sessions: readonly { readonly id: string }[]
  readonly cursor?: string
}

/** A registered chain: its name stands wherever a chain may. */
export interface NamedChain {
  readonly name: string
  /** In canonical form. */
  readonly chain: string
}
export interface ChainPage {
  readonly chains: readonly { readonly name: string }[]
  readonly cursor?: string
}

export interface Catalogue {
  readonly transformations: readonly Readonly<Record<string, unknown>>[]
}

export class Stepd {
  readonly chains: Chains
  readonly #transport: Transport

  constructor(transport: Transport) {
    this.chains = new Chains(transport)
    this.#transport = transport
  }

  /** Create the session, or attach to the one that exists with the same spec; without a spec, only attach. */
  open(id: string, spec: Spec & WorkerOptions = {}, signal?: AbortSignal): Promise<Session> {
    return open(this.#transport, id, spec, signal)
  }

  /**
   * Put a session at the state of a file, wherever it is, or make it. Not sent again by itself: others may have taken
   * steps in between.
   */
  async importState(
    id: string,
    file: Uint8Array,
    { worker, seq }: WorkerOptions = {},
    signal?: AbortSignal,
  ): Promise<Session> {
    const info = await putState(this.#transport, pathOf(id), file, undefined, signal)
    return new Session(this.#transport, info as SessionInfo, worker, seq)
  }

  async sessions(query: Query = {}, signal?: AbortSignal): Promise<SessionPage> {
    return (await this.#transport.get(`/v1/sessions${search(query)}`, signal)) as SessionPage
  }

  async apply<Form extends Gradients>(
    { grads, params, ...rest }: ApplyRequest<Form>,
    signal?: AbortSignal,
  ): Promise<{ readonly updates: Form }> {
    const body = { ...rest, grads: toWire('grads', grads), params: params && toWire('params', params) }
    const call = { method: 'POST', path: '/v1/apply', body, safe: true, signal } as const
    const reply = (await this.#transport.call(call)) as { readonly updates: unknown }
    return { ...reply, updates: fromWire(reply.updates) as Form }
  }

  /** The catalogue: every transformation with its options, formula and reference. */
  async transformations(signal?: AbortSignal): Promise<Catalogue> {
    return (await this.#transport.get('/v1/transformations', signal)) as Catalogue
  }
}

/** Chains registered under a name. */
export class Chains {
  readonly #transport: Transport

  constructor(transport: Transport) {
    this.#transport = transport
  }

  async register(name: string, chain: Chain, signal?: AbortSignal): Promise<NamedChain> {
    const call = { method: 'PUT', path: chainPath(name), body: { chain }, safe: true, signal } as const
    return (await this.#transport.call(call)) as NamedChain
  }

  async get(name: string, signal?: AbortSignal): Promise<NamedChain> {
    return (await this.#transport.get(chainPath(name), signal)) as NamedChain
  }

  async list(query: Query = {}, signal?: AbortSignal): Promise<ChainPage> {
    return (await this.#transport.get(`/v1/chains${search(query)}`, signal)) as ChainPage
  }

  async delete(name: string, signal?: AbortSignal): Promise<void> {
    await this.#transport.call({ method: 'DELETE', path: chainPath(name), safe: true, signal })
  }
}

const chainPath = (name: string): string => `/v1/chains/${encodeURIComponent(name)}`

const search = (query: Query): string => {
  const pairs = Object.entries(query).map(([name, value]) => [name, String(value)])
  return pairs.length > 0 ? `?${new URLSearchParams(pairs)}` : ''
}

/** A client of the server at `url`. Connects with the first request. */
export const connect = (url: string, options?: ConnectOptions): Stepd =>
  new Stepd(new Transport(url, options))
