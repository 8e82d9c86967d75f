import { Problem } from '../../schemas/errors.ts'

/** Refuses a text: what was tried or expected, where, and what follows after that place. */
export const malformed = (text: string, position: number, what: string, then = ''): Problem =>
  new Problem('malformed_chain', `${what} ${whereIn(text, position)}${then}`, { position })

/** Lines and columns are counted from 1, as editors do, and told only where there are several lines. */
const whereIn = (text: string, position: number): string => {
  const at = `at character ${position}`
  if (!text.includes('\n')) return at
  const lines = text.slice(0, position).split('\n')
  return `${at} (line ${lines.length}, column ${(lines.at(-1) ?? '').length + 1})`
}
