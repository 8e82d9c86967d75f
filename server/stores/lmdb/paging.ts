import type { LmdbMedium, Table } from './medium.ts'

/** A page of the table's rows, in order of their keys, from after the cursor, and where the next one goes on. */
export const page = (medium: LmdbMedium, table: Table, prefix: string, limit: number, cursor = '') => {
  const start = cursor > prefix ? cursor : prefix
  const rows = medium.read(() => [...table.getRange({ ...(start && { start }), limit: limit + 2 })])
  const rest = rows.filter(({ key }) => key.startsWith(prefix) && key > cursor)
  const found = rest.slice(0, limit)
  const last = found.at(-1)
  return { found, next: rest.length > limit && last !== undefined ? { cursor: last.key } : {} }
}
