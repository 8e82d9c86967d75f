import { ask, type RedisServer, startRedis } from '../../test/redis.ts'
import { type Contender, inRounds, type Results } from '../bench/rounds.ts'
import { type Budget, judge } from '../budget.ts'
import type { Result } from '../run.ts'
import type { Outcome } from '../scenario.ts'
import { pytorch, typescript } from './afternoon.ts'
import { updatesOf } from './agree.ts'
import { bareMost, startBare } from './bare.ts'
import { flowerAgrees, flowerContender } from './flower.ts'
import { type Disk, outcomeOf, type Raced } from './outcome.ts'
import type { Peer } from './peer.ts'
import { type Case, nameOf, Race, warmTime, warmUp } from './race.ts'
import { startStepd } from './stepd.ts'
import { type Tuned, tune } from './tune.ts'

export interface PeerSettings {
  /** Rounds in which those that are compared take turns. */
  readonly rounds: number
  readonly cases: readonly Case[]
  readonly disk: Disk
  readonly say: (progress: string) => void
}

export const allCases: readonly Case[] = [
  { n: 1024, connections: 1, time: 1000 },
  { n: 1024, connections: 16, time: 1000 },
  { n: 2 ** 15, connections: 1, time: 1000 },
  { n: 2 ** 20, connections: 1, time: 1500 },
  { n: 25_000_000, connections: 1, time: 4000 },
]

/** All cases, held against the budget of `peers`: what every scenario is held to is not for a comparison. */
export async function peersResult(
  settings: Pick<PeerSettings, 'rounds' | 'disk'>,
  budget: Budget,
): Promise<Result> {
  const scenario = 'peers'
  const say = (progress: string) => process.stderr.write(`${scenario}: ${progress}\n`)
  const { section, figures } = await peers({ ...settings, cases: allCases, say })
  const verdicts = judge({ [scenario]: budget[scenario] ?? {} }, scenario, figures)
  return { scenario, section, figures, verdicts }
}

/** Servers that one would write instead, and Flower, beside this one: the same machine, sizes and durability. */
export async function peers({ rounds, cases, disk, say }: PeerSettings): Promise<Outcome> {
  const started: RedisServer[] = []
  /** A Redis of its own for each, so that none pays for what another left behind. */
  const redis = async () => {
    const options = disk === 'every second' ? { appendonly: 'yes', appendfsync: 'everysec' } : {}
    const one = await startRedis(options)
    started.push(one)
    return one
  }
  try {
    const wanted = await ourUpdates()
    const tuned: Tuned[] = []
    for (const rival of [pytorch, typescript])
      tuned.push(await tune(rival, cases, await redis(), wanted, say))
    say('Flower: its updates')
    const flower = await tryFlower()
    const [ours, beside] = [await redis(), await redis()]
    const raced: Raced[] = []
    for (const at of cases) {
      say(nameOf(at))
      const chosen = tuned.flatMap(({ name, redis: theirs, best }) => {
        const setting = best.get(at)
        return setting === undefined ? [] : [{ name, setting, redis: theirs }]
      })
      const open = [
        () => contender('stepd', at, startStepd(ours.url)),
        () => contender('stepd, memory', at, startStepd('memory:')),
        ...(at.n > bareMost
          ? []
          : [
              () => contender('bare', at, startBare()),
              () => contender('bare, on Redis', at, startBare(beside.url)),
            ]),
        ...chosen.map((one) => () => contender(one.name, at, one.setting.start(one.redis.url))),
        ...(flower.here && at.connections === 1 ? [() => flowerContender(at.n, at.time)] : []),
      ]
      const results = await raceOf(open, rounds)
      raced.push({ at, results, settings: chosen.map(({ name, setting }) => `${name}: ${setting.label}`) })
      for (const one of started) await ask(one, 'flushall')
    }
    return outcomeOf({ raced, disk, tables: tuned.map(({ table }) => table), notes: [flower.note] })
  } finally {
    for (const { stop } of started) await stop()
  }
}

async function raceOf(open: readonly (() => Promise<Contender>)[], rounds: number): Promise<Results> {
  const contenders: Contender[] = []
  try {
    for (const start of open) contenders.push(await start())
    return await inRounds(contenders, rounds)
  } catch (error) {
    for (const { close } of contenders) await close()
    throw error
  }
}

async function ourUpdates(): Promise<Float32Array> {
  const peer = await startStepd('memory:')
  try {
    return await updatesOf(peer, 'agree')
  } finally {
    await peer.stop()
  }
}

async function tryFlower(): Promise<{ readonly here: boolean; readonly note: string }> {
  try {
    const off = await flowerAgrees()
    return { here: true, note: `Flower’s updates are off by ${off.toExponential(1)} of their norm.` }
  } catch (error) {
    const [reason = ''] = String(error instanceof Error ? error.message : error).split('\n')
    return { here: false, note: `Flower is not here: ${reason}` }
  }
}

async function contender(name: string, at: Case, starting: Promise<Peer>): Promise<Contender> {
  const peer = await starting
  try {
    await warmUp(peer)
    const race = await Race.open(peer, at)
    await race.rate(warmTime)
    return {
      name,
      run: async () => ({ ms: 1000 / (await race.rate(at.time)) }),
      async close() {
        race.close()
        await peer.stop()
      },
    }
  } catch (error) {
    await peer.stop()
    throw error
  }
}
