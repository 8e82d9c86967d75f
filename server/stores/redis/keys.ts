/** All keys of a session share a hash tag, and so a slot. Values each go where their own name leads. */
const PREFIX = 'stepd'

export const headKey = (key: string): string => `{${PREFIX}:${key}}:head`
export const bodyKey = (key: string, name: string, part: number): string =>
  `{${PREFIX}:${key}}:b:${name}:${part}`
export const stagedKey = (key: string, name: string, part: number): string =>
  `{${PREFIX}:${key}}:s:${name}:${part}`
export const valueKey = (key: string): string => `${PREFIX}:value:${key}`

/** Between what the key of a head, or of a value, starts and ends with. */
export const headShape = { before: `{${PREFIX}:`, after: '}:head' } as const
export const valueShape = { before: `${PREFIX}:value:`, after: '' } as const
