/** What a part of the benchmark found. */
export interface Report {
  readonly tables: readonly Table[]
  readonly goals: readonly Goal[]
}

export interface Table {
  readonly title: string
  readonly columns: readonly string[]
  readonly rows: readonly (readonly Cell[])[]
  readonly notes?: readonly string[]
}

/** A figure, or why there is none. */
export type Cell = number | string

/** Something that the engine is held to. */
export interface Goal {
  readonly what: string
  readonly measured: number
  readonly limit: number
  readonly bound: 'at most' | 'at least'
}

export const atMost = (what: string, measured: number, limit: number): Goal => ({
  what,
  measured,
  limit,
  bound: 'at most',
})
export const atLeast = (what: string, measured: number, limit: number): Goal => ({
  what,
  measured,
  limit,
  bound: 'at least',
})

export const isMet = ({ measured, limit, bound }: Goal): boolean =>
  bound === 'at most' ? measured <= limit : measured >= limit

/** Goals as a table, to stand at the end. */
export const goalTable = (goals: readonly Goal[]): Table => ({
  title: 'Goals',
  columns: ['what', 'measured', 'goal', 'result'],
  rows: goals.map((goal) => [
    goal.what,
    goal.measured,
    `${goal.bound} ${goal.limit}`,
    isMet(goal) ? 'met' : 'MISSED',
  ]),
})

/** Columns as wide as what is in them; numbers to three significant digits, to the right. */
export function printTable({ title, columns, rows, notes = [] }: Table): string {
  const lines = [columns, ...rows.map((row) => row.map(show))]
  const widths = columns.map((_, i) => Math.max(...lines.map((line) => line[i]?.length ?? 0)))
  const right = columns.map((_, i) => rows.some((row) => typeof row[i] === 'number'))
  const printed = lines.map((line) =>
    line
      .map((cell, i) => (right[i] ? cell.padStart(widths[i] ?? 0) : cell.padEnd(widths[i] ?? 0)))
      .join('  '),
  )
  const rule = widths.map((width) => '─'.repeat(width)).join('  ')
  const [head = '', ...body] = printed.map((line) => line.trimEnd())
  return [title, '', head, rule, ...body, ...notes.map((note) => `  ${note}`)].join('\n')
}

/** Rows as objects, for machines. */
export const recordsOf = ({ columns, rows }: Pick<Table, 'columns' | 'rows'>): Record<string, Cell>[] =>
  rows.map((row) =>
    Object.fromEntries(columns.map((column, i) => [unique(columns, i, column), row[i] ?? ''])),
  )

/** Columns of one name under different heads are told apart by their place. */
const unique = (columns: readonly string[], i: number, column: string): string =>
  columns.indexOf(column) === i ? column : `${column} (${i + 1})`

function show(cell: Cell): string {
  if (typeof cell === 'string') return cell
  if (!Number.isFinite(cell)) return '–'
  const digits = cell === 0 ? 0 : Math.max(0, 2 - Math.floor(Math.log10(Math.abs(cell))))
  return cell.toFixed(Math.min(digits, 4))
}
