const digits = (n: number): string => String(n).padStart(16, '0')

/** All that is kept of a session besides its head is under its incarnation: made again, it meets nothing of before. */
export const allOf = (incarnation: string): string => `${incarnation}/`
export const recordKey = (incarnation: string): string => `${incarnation}/record`
export const entryKey = (incarnation: string, seq: number): string => `${incarnation}/${digits(seq)}`
export const snapshotKey = (incarnation: string): string => `${incarnation}/snapshot`
export const stagedKey = (incarnation: string, name: string): string => `${incarnation}/${name}`
export const roundsKey = (incarnation: string): string => `${incarnation}/round/`
export const roundKey = (incarnation: string, step: number): string =>
  `${roundsKey(incarnation)}${digits(step)}/`
export const memberKey = (incarnation: string, step: number, member: string): string =>
  `${roundKey(incarnation, step)}${member}`
export const lastKey = (incarnation: string, member: string): string => `${incarnation}/last/${member}`
export const chunksKey = (incarnation: string, name: string): string => `${incarnation}/${name}/`
export const chunkKey = (incarnation: string, name: string, index: number): string =>
  `${incarnation}/${name}/${digits(index)}`

/** Keys that start with `prefix`, which ends in a slash: '0' is the character after '/'. */
export const under = (prefix: string) => ({ start: prefix, end: `${prefix.slice(0, -1)}0` })
