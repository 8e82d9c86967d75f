import { ask, type RedisServer } from '../../test/redis.ts'
import type { Table } from '../bench/report.ts'
import { mustAgree, updatesOf } from './agree.ts'
import type { Peer, Rival, Setting } from './peer.ts'
import { type Case, nameOf, Race, warmTime, warmUp } from './race.ts'

/** What a rival came to, each way that it was run. */
export interface Tuned {
  readonly name: string
  readonly redis: RedisServer
  /** The fastest way of each case; none where no way works here. */
  readonly best: ReadonlyMap<Case, Setting>
  readonly table: Table
}

/** Every setting at every case, after its updates were found to be `wanted`. */
export async function tune(
  { name, settings }: Rival,
  cases: readonly Case[],
  redis: RedisServer,
  wanted: Float32Array,
  say: (progress: string) => void,
): Promise<Tuned> {
  const tried: { setting: Setting; off: number; rates: readonly number[] }[] = []
  const missing: string[] = []
  for (const setting of settings) {
    say(`  ${name}: ${setting.label}`)
    try {
      const peer = await setting.start(redis.url)
      try {
        await warmUp(peer)
        const off = mustAgree(`${name}, ${setting.label},`, await updatesOf(peer, 'agree'), wanted)
        tried.push({ setting, off, rates: await ratesOf(peer, cases, redis) })
      } finally {
        await peer.stop()
        await ask(redis, 'flushall')
      }
    } catch (error) {
      const [reason = ''] = String(error instanceof Error ? error.message : error).split('\n')
      missing.push(`${setting.label} is not here: ${reason}`)
    }
  }
  const fastest = (i: number) => [...tried].sort((a, b) => (b.rates[i] ?? 0) - (a.rates[i] ?? 0))[0]?.setting
  return {
    name,
    redis,
    best: new Map(
      cases.flatMap((at, i): [Case, Setting][] => {
        const setting = fastest(i)
        return setting === undefined ? [] : [[at, setting]]
      }),
    ),
    table: {
      title: `${name}: how it is run, steps a second`,
      columns: ['setting', 'updates off by', ...cases.map(nameOf)],
      rows: tried.map(({ setting, off, rates }) => [setting.label, off.toExponential(1), ...rates]),
      notes: ['Each once; the best of each column is what stepd is compared with.', ...missing],
    },
  }
}

async function ratesOf(peer: Peer, cases: readonly Case[], redis: RedisServer): Promise<number[]> {
  const rates: number[] = []
  for (const at of cases) {
    const race = await Race.open(peer, at)
    try {
      await race.rate(warmTime / 4)
      rates.push(await race.rate(at.time / 2))
    } finally {
      race.close()
      await ask(redis, 'flushall')
    }
  }
  return rates
}
