import type { Table } from '../bench/report.ts'
import type { Results } from '../bench/rounds.ts'
import type { LinePlot } from '../report/report.ts'
import type { Outcome } from '../scenario.ts'
import { bareMost } from './bare.ts'
import { type Case, nameOf } from './race.ts'

/** What Redis writes to disk, for all who are compared. */
export type Disk = 'nothing' | 'every second'

/** What contenders came to in a case. */
export interface Raced {
  readonly at: Case
  readonly results: Results
  /** How each rival was run. */
  readonly settings: readonly string[]
}

interface Found {
  readonly raced: readonly Raced[]
  readonly disk: Disk
  /** How rivals were tuned. */
  readonly tables: readonly Table[]
  readonly notes: readonly string[]
}

const rivals = ['Python', 'TypeScript', 'Flower'] as const

export function outcomeOf({ raced, disk, tables, notes }: Found): Outcome {
  return {
    section: {
      title: 'Peers in the same run',
      notes: [
        'Python: FastAPI, uvicorn, msgpack, PyTorch’s fused AdamW, redis-py. TypeScript: Fastify, ops of tfjs, msgpackr, ioredis. Both as one writes them in an afternoon, run the way that was fastest here for each case. Flower: FedAdam in its own server, with one client over gRPC.',
        'adamw(1e-3) on float32, parameters kept by the server, a session a connection, closed loop. Clients, servers and Redis share one machine.',
        `Durability is the same for stepd, Python and TypeScript: nothing is answered before it is in Redis, which writes to disk ${disk}. stepd writes the entry of its journal, the others their whole state. Flower keeps nothing: “stepd, memory” does the same.`,
        'Answers are updates, but those of Python are parameters, which its optimizer changes in place. With Flower what the client does with tensors counts.',
        'Before anything is measured, updates of all are compared with those of stepd; who computes something else is not a contender.',
        ...notes,
      ],
      tables: [raceTable(raced), bareTable(raced), ...tables],
      plots: [plotOf(raced)],
    },
    figures: figuresOf(raced),
  }
}

function raceTable(raced: readonly Raced[]): Table {
  return {
    title: 'Steps a second',
    columns: [
      ...['parameters', 'connections', 'stepd', 'stepd, memory'],
      ...rivals.flatMap((name) => [name, `stepd/${name}`]),
    ],
    rows: raced.map(({ at, results }) => [
      at.n,
      at.connections,
      1000 / results.median('stepd'),
      1000 / results.median('stepd, memory'),
      ...rivals.flatMap((name) => [1000 / results.median(name), results.ratio(name, 'stepd')]),
    ]),
    notes: [
      'stepd/…: the median of the ratios within a round, of stepd on Redis.',
      ...raced.map(({ at, settings }) => `${nameOf(at)}: ${settings.join('; ')}.`),
    ],
  }
}

/** About how far a server with Fastify could get. */
function bareTable(raced: readonly Raced[]): Table {
  const rows = raced
    .filter(({ at }) => at.n <= bareMost)
    .flatMap(({ at, results }) =>
      ['bare', 'bare, on Redis'].map((route) => [
        ...[route, at.n, at.connections, 1000 / results.median(route)],
        ...['stepd', ...rivals].map((name) => results.ratio(name, route)),
      ]),
    )
  return {
    title: 'Routes of Fastify that do nothing',
    columns: [
      'route',
      'parameters',
      'connections',
      'a second',
      ...['stepd', ...rivals].map((name) => `route/${name}`),
    ],
    rows,
    notes: [
      'As one writes them by default: they decode the same bodies and encode the same answers, and compute and check nothing. On Redis what came is SET by ioredis before it is answered.',
    ],
  }
}

/** How many times the steps a second of each rival, by its name, size and connections. */
function figuresOf(raced: readonly Raced[]): Record<string, number> {
  const ratios = raced.flatMap(({ at, results }) =>
    rivals.map((name) => ({ name, at, ratio: results.ratio(name, 'stepd') })),
  )
  const measured = ratios.filter(({ ratio }) => !Number.isNaN(ratio))
  return Object.fromEntries(
    measured.map(({ name, at, ratio }) => [`${name.toLowerCase()}_${at.n}_x${at.connections}`, ratio]),
  )
}

const plotOf = (raced: readonly Raced[]): LinePlot => ({
  kind: 'lines',
  title: 'Steps a second over one connection',
  x: { title: 'parameters', scale: 'log' },
  y: { title: 'steps a second', scale: 'log' },
  series: ['stepd', ...rivals].map((name) => ({
    name,
    points: raced
      .filter(({ at }) => at.connections === 1)
      .map(({ at, results }) => [at.n, 1000 / results.median(name)]),
  })),
})
