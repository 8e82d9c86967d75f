import { connect, type SessionInfo } from '../../index.ts'
import type { Digits } from '../mnist/data.ts'
import { initialParams, tensors, unpack } from '../mnist/model.ts'
import type { Status } from '../mnist/progress.ts'
import { uniform } from '../mnist/random.ts'
import { train } from '../mnist/train.ts'

const SEED = 1

export interface Settings {
  readonly server: string
  readonly key: string
  readonly chain: string
  /** How many to train on. */
  readonly digits: number
  readonly batch: number
  readonly epochs: number
}

export interface Run {
  readonly settings: Settings
  readonly digits: Digits
  readonly view: {
    opened(session: SessionInfo): void
    stepped(status: Status, params: Float32Array): void
  }
  readonly signal: AbortSignal
}

export interface Outcome {
  /** As the server describes the session at the end. */
  readonly session: SessionInfo
  readonly params: Float32Array
  /** Whether the server, which applies the updates to a copy of its own, has the same parameters to the bit. */
  readonly same: boolean
  readonly seconds: { readonly gradients: number; readonly service: number }
}

/** Train from fresh parameters, each step by the server. The session stays for an hour, to be looked at. */
export async function run({ settings, digits, view, signal }: Run): Promise<Outcome> {
  const { server, key, chain, batch, epochs } = settings
  const stepd = connect(server, { retry: { attempts: 4 }, ...(key === '' ? {} : { key }) })
  const random = uniform(SEED)
  const params = initialParams(random)
  const id = `browser-${crypto.randomUUID()}`
  const session = await stepd.open(id, { chain, tensors, params, ttl_s: 3600 }, signal)
  view.opened(session.info)
  const progress = { show: (status: Status): void => view.stepped(status, params) }
  const { seconds } = await train({
    session,
    params,
    reference: undefined,
    digits: { ...digits, count: settings.digits },
    epochs,
    batch,
    random,
    progress,
    signal,
  })
  const kept = await session.params(signal)
  return { session: await session.describe(signal), params, same: areSame(kept, params), seconds }
}

function areSame(kept: Readonly<Record<string, Float32Array>>, params: Float32Array): boolean {
  const own = unpack(params)
  return tensors.every(({ name }, i) => {
    const [a, b] = [kept[name], own[i]].map((values) => values && bits(values))
    return a?.length === b?.length && a?.every((word, k) => word === b?.[k])
  })
}

const bits = ({ buffer, byteOffset, length }: Float32Array): Uint32Array =>
  new Uint32Array(buffer, byteOffset, length)
