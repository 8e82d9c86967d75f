import { Peer } from './peers/peer.ts'
import { rateOf, Wire } from './peers/wire.ts'
import { atLeast, atMost, type Report } from './report.ts'
import { type Contender, inRounds, Results, timed } from './rounds.ts'
import { Service } from './service.ts'
import type { Settings } from './settings.ts'
import { chain, connections, small, smallServers, warm } from './small.ts'

/**
 * Servers of small steps are started so often, and take turns of so many milliseconds, so many for each round that is asked for.
 * Two processes of the same code differ by up to 15 % for as long as they live; and what others do with the processors'
 * caches changes from second to second, by 1.7 times for a loop over 512 KiB: those that are compared come within one.
 */
const [starts, time, turns] = [3, 300, 4]
/** Large steps before any are counted: memory that a virtual machine is given for the first time comes slowly. */
const first = 8

/** Whole steps against servers that only move bytes: what HTTP and the order of things cost. */
export async function edge(settings: Settings): Promise<Report> {
  const n = Math.round((settings.size / 16) * 25 * (1e6 / 2 ** 20))
  settings.say(`  ${n} parameters`)
  const large = await largeSteps(n, settings.rounds)
  settings.say(`  ${small} parameters`)
  const rates = await smallSteps(settings.rounds)
  return {
    tables: [
      {
        title: 'Whole steps beside servers that only move bytes',
        columns: ['what', 'median', 'unit', 'ratio'],
        rows: [
          [`${n} parameters, echo by node:http`, large.echo, 'ms', ''],
          ['the same, a step on memory:', large.step, 'ms', large.ratio],
          [`${small} parameters, a bare route of Fastify`, rates.bare, 'requests/s', ''],
          ['the same, a step on memory:', rates.memory, 'requests/s', rates.ofMemory],
          ['the same, a step on Redis', rates.redis, 'requests/s', rates.ofRedis],
        ],
        notes: [
          `${chain}, gradients and updates F32; requests a second over ${connections} connections, a session each, after ${warm / 1000} s of them.`,
          `Large steps: medians of ${turns * settings.rounds} rounds, one step each, after ${first} steps.`,
          `Small steps: medians over ${starts} starts of each server, ${turns * settings.rounds} rounds of ${time} ms each.`,
        ],
      },
    ],
    goals: [
      atMost('large step on memory: / echo', large.ratio, 1.4),
      atLeast('small steps a second on memory: / bare route', rates.ofMemory, 0.6),
      atLeast('small steps a second on Redis / bare route', rates.ofRedis, 0.45),
    ],
  }
}

async function largeSteps(n: number, rounds: number) {
  const [peer, service] = [await Peer.start('echo'), await Service.start('memory:')]
  await service.open('edge', chain, n)
  const body = service.stepBody(n)
  const contender = (name: string, wire: Wire, stop: () => Promise<void>): Contender => ({
    name,
    run: async () => ({ ms: await timed(() => wire.send()) }),
    close: async () => {
      wire.close()
      await stop()
    },
  })
  const both = [
    contender('echo', new Wire(peer.port, '/', body), () => peer.stop()),
    contender('step', new Wire(service.port, '/v1/sessions/edge/steps', body), () => service.stop()),
  ]
  for (let k = 0; k < first; k++) for (const { run } of both) await run()
  const results = await inRounds(both, turns * rounds)
  return { echo: results.median('echo'), step: results.median('step'), ratio: results.ratio('step', 'echo') }
}

async function smallSteps(rounds: number) {
  const found: Results[] = []
  for (let start = 0; start < starts; start++) found.push(await oneStart(turns * rounds))
  const results = Results.joined(found)
  return {
    bare: 1000 / results.median('bare'),
    memory: 1000 / results.median('memory'),
    redis: 1000 / results.median('redis'),
    ofMemory: results.ratio('bare', 'memory'),
    ofRedis: results.ratio('bare', 'redis'),
  }
}

async function oneStart(rounds: number): Promise<Results> {
  const servers = await smallServers()
  return await inRounds(
    servers.map(
      ({ name, wires, stop }): Contender => ({
        name,
        // Milliseconds a request: so ratios are those of times.
        run: async () => ({ ms: 1000 / (await rateOf(wires, time)) }),
        close: stop,
      }),
    ),
    rounds,
  )
}
