/** All keys of a session share a hash tag, and so a slot. Values each go where their own name leads. */
const PREFIX = 'stepd'

/** Chunks of a body in one key, 63.5 MiB: larger keys are slow to move between the nodes of a cluster. */
export const PER_PART = 128
/** The part that has a chunk. */
export const partOf = (chunk: number): number => Math.floor(chunk / PER_PART)

/** Where a chunk is: a field of a hash. */
export interface Field {
  readonly key: string
  readonly field: number
}

export const headKey = (key: string): string => `{${PREFIX}:${key}}:head`
const logKey = (key: string): string => `{${PREFIX}:${key}}:log`
export const bodyKey = (key: string, name: string, part: number): string =>
  `{${PREFIX}:${key}}:b:${name}:${part}`
export const stagedKey = (key: string, name: string, part: number): string =>
  `{${PREFIX}:${key}}:s:${name}:${part}`
export const valueKey = (key: string): string => `${PREFIX}:value:${key}`

/**
 * What each script is told of: where a slot is being moved, a script whose keys are not all on one node is not run.
 */
export const sessionKeys = (key: string): readonly string[] => [headKey(key), logKey(key)]
/** With what the session was made with, of those who read it. */
export const recordKeys = (key: string): readonly string[] => [
  ...sessionKeys(key),
  `{${PREFIX}:${key}}:record`,
]
/** With the key that it is to make, which is on no node yet: nothing is written into a slot that is being moved. */
export const newBodyKeys = (key: string, name: string): readonly string[] => [
  ...sessionKeys(key),
  bodyKey(key, name, 0),
]

/** Where `append.lua` tells of a closed round: the head of its session. */
export const closedChannel = `${PREFIX}:closed`

/** Between what the key of a head, or of a value, starts and ends with. */
export const headShape = { before: `{${PREFIX}:`, after: '}:head' } as const
export const valueShape = { before: `${PREFIX}:value:`, after: '' } as const
