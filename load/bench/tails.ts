import { drive } from '../drive/drive.ts'
import { evenly } from '../drive/schedule.ts'
import { rateOf } from './peers/wire.ts'
import { atMost, type Report } from './report.ts'
import { type Figures, inRounds } from './rounds.ts'
import type { Settings } from './settings.ts'
import { chain, connections, type SmallServer, small, smallServers } from './small.ts'

/** Part of its own capacity at which each is driven. */
const share = 0.7
/** Seconds of a run, and how many of them count for nothing. */
const plan = { seconds: 10, warm: 2 } as const

/**
 * The slowest of small steps at a fixed rate, beside those of a route that does nothing, each at 70 % of what it takes:
 * clients, server and Redis share the machine, and a route that does nothing waits for it too.
 */
export async function tails(settings: Settings): Promise<Report> {
  settings.say(`  ${small} parameters, ${share * 100} % of capacity`)
  const servers = await smallServers()
  const results = await inRounds(
    servers.map((server) => ({ name: server.name, run: () => driven(server), close: server.stop })),
    settings.rounds,
  )
  const of = (name: SmallServer['name'], what: string) => {
    const figure = (key: string) => results.median(name, key)
    return [
      what,
      figure('rate'),
      figure('p50'),
      figure('p99'),
      figure('ratio'),
      figure('late'),
      figure('busy'),
    ]
  }
  return {
    tables: [
      {
        title: `Small requests at ${share * 100} % of capacity, by a schedule`,
        columns: [
          'what',
          'requests/s',
          'p50, ms',
          'p99, ms',
          'p99 / p50',
          'sent late, p99, ms',
          'generator busy, %',
        ],
        rows: [
          of('bare', 'a bare route of Fastify'),
          of('memory', 'a step on memory:'),
          of('redis', 'a step on Redis'),
        ],
        notes: [
          `${small} parameters, ${chain}, ${connections} connections; latencies from when each was due. Medians of rounds.`,
        ],
      },
    ],
    goals: [
      atMost('p99 / p50 of steps on memory:', results.median('memory', 'ratio'), 5),
      atMost('p99 / p50 of steps on Redis', results.median('redis', 'ratio'), 5),
    ],
  }
}

async function driven({ wires }: SmallServer): Promise<Figures> {
  const rate = share * (await rateOf(wires, 2000))
  const streams = wires.map((wire) => ({
    owes: false,
    send: async () => {
      const status = await wire.send()
      if (status !== 200) throw new Error(`A request was answered with ${status}`)
      return undefined
    },
  }))
  const { course, errors, late, busy } = await drive(streams, {
    ...plan,
    schedule: evenly(wires.length, rate),
  })
  for (const [what, count] of errors) throw new Error(`${count} requests failed: ${what}`)
  const all = course.whole()
  const [p50, p99] = [all.quantile(0.5), all.quantile(0.99)]
  return { rate, p50, p99, ratio: p99 / p50, late: late.quantile(0.99), busy: 100 * busy }
}
