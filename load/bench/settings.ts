import { parseArgs } from 'node:util'

/** What can be asked for by itself. */
export const parts = ['kernels', 'steps', 'edge', 'tails', 'redis', 'memory', 'hostile'] as const
export type Part = (typeof parts)[number]

export interface Settings {
  /** Parameters in the measurements of kernels, and at most in those of whole steps. */
  readonly size: number
  readonly largest: number
  /** Rounds in which those that are compared take turns. */
  readonly rounds: number
  readonly only: Part | undefined
  readonly json: string | undefined
  readonly say: (progress: string) => void
}

export const help = `npm run bench -- [options]

  --only PART            kernels, steps, edge, tails, redis, memory or hostile only
  --size 16M             parameters that kernels run over; K and M are powers of 1024
  --largest 64M          parameters of the largest step over HTTP
  --rounds 7             rounds in which what is compared takes turns
  --json FILE            write tables and goals there too
`

/** @throws Error that says what an option takes */
export function readSettings(args: readonly string[]): Settings | undefined {
  const text = { type: 'string' } as const
  const { values } = parseArgs({
    args: [...args],
    options: {
      help: { type: 'boolean' },
      only: text,
      size: text,
      largest: text,
      rounds: text,
      json: text,
    },
  })
  if (values.help) return undefined
  const { only, json } = values
  const part = parts.find((name) => name === only)
  if (only !== undefined && part === undefined)
    throw new Error(`--only is ${only}, expected one of ${parts.join(', ')}`)
  return {
    only: part,
    json,
    size: count('size', values.size ?? '16M'),
    largest: count('largest', values.largest ?? '64M'),
    rounds: count('rounds', values.rounds ?? '7'),
    say: (progress) => process.stderr.write(`${progress}\n`),
  }
}

function count(name: string, given: string): number {
  const [, digits, unit = ''] = /^(\d+)([KM]?)$/.exec(given) ?? []
  const value = Number(digits) * ({ K: 2 ** 10, M: 2 ** 20 }[unit] ?? 1)
  if (!(value > 0)) throw new Error(`--${name} is ${given}, expected a number such as 4096, 64K or 16M`)
  return value
}
