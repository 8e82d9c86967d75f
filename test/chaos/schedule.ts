import assert from 'node:assert/strict'
import { setTimeout as sleep } from 'node:timers/promises'
import type { RedisServer } from '../redis.ts'
import type { Random } from '../sessions/simulation/random.ts'
import type { Client } from './client.ts'
import type { Place } from './place.ts'
import type { Tally } from './tally.ts'

/** Milliseconds that a request may be under way before all are left alone until it is answered. */
const mercy = 8000

export interface Scene {
  readonly places: readonly Place[]
  readonly redis: RedisServer
  readonly clients: readonly Client[]
  readonly tally: Tally
}

/** Part of what is done that is each of these; the rest are kills of servers. */
const restarts = 0.06
const cuts = 0.4
/** Fewer answers than this a server gives before it is killed: some none, and others have all sessions in memory. */
const mostAnswers = 10
/** Milliseconds from one to the next. */
const pause = { least: 5, more: 60 }

/** Disturb until so many servers were killed. What is done to whom is the random numbers' choice, and no clock's. */
export async function disturb(
  { places, redis, clients, tally }: Scene,
  {
    kills,
    random,
    failed,
  }: { readonly kills: number; readonly random: Random; readonly failed: () => boolean },
): Promise<void> {
  const at = (i: number): Place => {
    const place = places[i]
    assert.ok(place)
    return place
  }
  let restarting = Promise.resolve()
  let turn = 0
  while (tally.kills < kills && !failed()) {
    await sleep(pause.least + random.below(pause.more))
    // Else, where servers are slow to start, some sessions would never see one for long enough.
    while (clients.some(({ waits }) => waits > mercy) && !failed()) await sleep(pause.least)
    const [kind, detail] = [random.next(), random.next()]
    if (kind < restarts) {
      await restarting
      restarting = redis.restart()
      // Whoever waits for it next is told; servers are killed meanwhile.
      restarting.catch(() => {})
      tally.restarts++
    } else if (kind < restarts + cuts) cut(at(random.below(places.length)), detail, tally)
    else {
      // In turn: whose start began first is the first to answer.
      await at(turn++ % places.length).kill(Math.floor(detail * mostAnswers))
      tally.kills++
    }
  }
  await restarting
}

/** Some of what is open, of clients or to Redis; or, of either, what brings the next answer that something was taken. */
function cut({ clients, store }: Place, detail: number, tally: Tally): void {
  const [wire, answer] = detail < 0.5 ? ([clients, 'HTTP/1.1 200'] as const) : ([store, 'appended'] as const)
  if (detail % 0.5 < 0.2) {
    let odd = false
    if (wire.sever(() => (odd = !odd)) > 0) tally.cuts++
    return
  }
  void wire.cutAt(answer).then(() => {
    wire.mend()
    tally.cuts++
  })
}
