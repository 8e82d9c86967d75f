import type { Transport } from './transport.ts'

/** Something that happened to a session. */
export interface Happening {
  /** Number of the entry of the session's journal: it always grows, also where the session went back. */
  readonly seq: number
  /** The latest step after it. */
  readonly step: number
  readonly kind: 'params' | 'hyperparams' | 'step' | 'state'
  readonly hyperparams?: Readonly<Record<string, number>>
  /** The loss that the step was told. */
  readonly value?: number
  /** How many contributions the step was made of. */
  readonly workers?: number
  readonly stats?: Readonly<Record<string, number>>
}

export interface History {
  readonly step: number
  /** The first `seq` from which nothing has been forgotten. */
  readonly begins: number
  readonly happened: readonly Happening[]
}

/** Put a session at the state of a file; answers with its description. With the step that it must be at, it may be sent again. */
export function putState(
  transport: Transport,
  path: string,
  file: Uint8Array,
  at: number | undefined,
  signal?: AbortSignal,
): Promise<unknown> {
  if (!(file instanceof Uint8Array))
    throw new TypeError('Cannot import state: expected a Uint8Array, as exportState gives it')
  const guard = at === undefined ? {} : { match: at }
  const call = {
    method: 'PUT',
    path: `${path}/state`,
    file,
    ...guard,
    safe: at !== undefined,
    signal,
  } as const
  return transport.call(call)
}
