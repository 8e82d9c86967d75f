import assert from 'node:assert/strict'
import { openStore } from '../../server/stores/index.ts'
import { scripts } from '../../server/stores/redis/scripts.ts'
import type { Store } from '../../server/stores/store.ts'
import { TestApp } from '../app.ts'
import { ServerProcess } from '../process.ts'
import { type RedisServer, startRedis } from '../redis.ts'
import { Random } from '../sessions/simulation/random.ts'
import { Asynchronous } from './asynchronous.ts'
import { Client } from './client.ts'
import { checkLeftovers } from './leftovers.ts'
import { Place } from './place.ts'
import { Quorum } from './quorum.ts'
import { type Course, decided, synchronous } from './scenarios.ts'
import { disturb } from './schedule.ts'
import { Scribe } from './scribe.ts'
import { idOf, type Session } from './session.ts'
import { Synchronous } from './synchronous.ts'
import { nothing, type Tally } from './tally.ts'

const servers = 3
const keyOf = (course: Course) => `public/${idOf(course)}`

/**
 * Work on all sessions while servers, Redis and connections fail, and judge what came of it. The seed decides what is
 * done, to whom and in which order; when the processes get there is theirs.
 *
 * @throws AssertionError what should never happen, and did
 */
export async function chaos(
  { kills, seed }: { readonly kills: number; readonly seed: number },
  progress: (tally: Tally) => void = () => {},
): Promise<Tally> {
  const redis = await startRedis({ appendonly: 'yes', appendfsync: 'always' })
  const store = await openStore(redis.url)
  const tally = nothing()
  const [places, sessions]: [Place[], Session[]] = [[], []]
  let over = false
  let disturbed = Promise.resolve()
  const timer = setInterval(() => progress(tally), 1000)
  try {
    for (let i = 0; i < servers; i++)
      places.push(
        await Place.start(redis.port, (bytes) =>
          drops(bytes) ? Promise.all(sessions.map((session) => session.caughtUp())) : undefined,
        ),
      )
    for (const course of [...synchronous, ...decided]) sessions.push(await start(course, store, () => over))
    const seeds = new Random(seed)
    const workers = sessions.flatMap((session) =>
      session.course.workers.map((worker) => {
        const client = new Client(places, tally, new Random(seeds.below(2 ** 31)))
        return { session, worker, client }
      }),
    )
    const work = Promise.all([
      ...workers.map(async ({ session, worker, client }) => {
        await session.open(client)
        await session.work(worker, client)
      }),
      ...sessions.map((session) => session.watch()),
    ])
    const random = new Random(seed)
    const clients = workers.map(({ client }) => client)
    disturbed = disturb({ places, redis, clients, tally }, { kills, random, failed: () => over }).finally(
      () => {
        over = true
      },
    )
    await Promise.all([work, disturbed])
    await Promise.all(places.map((place) => place.stop()))
    await judge(redis, sessions)
    return tally
  } finally {
    over = true
    clearInterval(timer)
    await Promise.all(places.map((place) => place.stop()))
    // It may be starting something.
    await disturbed.catch(() => {})
    await Promise.all(sessions.map((session) => session.close()))
    await store.close()
    await redis.stop()
  }
}

/** Whether a call is among these that puts a snapshot in place of the log before it. */
const drops = (bytes: Buffer): boolean => {
  const { sha, source } = scripts.putsnapshot
  return bytes.includes(sha) || bytes.includes(source.slice(-50))
}

async function start(course: Course, store: Store, over: () => boolean): Promise<Session> {
  const { workers = 1, quorum, chain, tensors, params } = course.open
  if (workers !== 0 && quorum === undefined) return Synchronous.start(course, over)
  const again = await TestApp.start({ engine: 'wasm' })
  const Kind = workers === 0 ? Asynchronous : Quorum
  const session = new Kind(course, over, new Scribe(store, keyOf(course), course), again)
  const open = workers === 0 ? course.open : { chain, tensors, params }
  assert.equal((await again.send('PUT', session.path, open)).status, 201)
  return session
}

/** By a server that reads all there is from the store. */
async function judge(redis: RedisServer, sessions: readonly Session[]): Promise<void> {
  const fresh = await ServerProcess.start({
    STEPD_STORE: redis.url,
    STEPD_ENGINE: 'wasm',
    STEPD_LOG_LEVEL: 'info',
  })
  try {
    for (const session of sessions) {
      const { body } = await fresh.send('GET', session.path)
      const { raw } = await fresh.send('GET', `${session.path}/params`)
      await session.judge(Number(body.step), raw)
    }
  } finally {
    await fresh.stop()
  }
  const client = redis.client()
  try {
    await checkLeftovers(
      client,
      sessions.map(({ course }) => keyOf(course)),
    )
  } finally {
    client.disconnect()
  }
}
