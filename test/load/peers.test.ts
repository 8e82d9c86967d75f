import assert from 'node:assert/strict'
import { type TestContext, test } from 'node:test'
import { startTypescript } from '../../load/peers/afternoon.ts'
import { distance, tolerance, updatesOf } from '../../load/peers/agree.ts'
import type { Peer } from '../../load/peers/peer.ts'
import { startStepd } from '../../load/peers/stepd.ts'
import { ask, startRedis } from '../redis.ts'

test('the TypeScript peer computes what stepd does, and its state is in Redis after each step', async (t) => {
  const { redis, start } = await place(t)
  await mustBeOurs(t, await start(1))
  assert.equal(await ask(redis, 'get', 'agree:step'), '5')
  assert.equal(await ask(redis, 'strlen', 'agree:m'), 4096)
})

test('of several workers each takes up what the others have done', async (t) => {
  const { start } = await place(t)
  const [one, other] = [await start(2), await start(2)]
  let turn = 0
  const both: Peer = {
    ...one,
    get port() {
      return turn++ % 2 === 0 ? one.port : other.port
    },
  }
  await mustBeOurs(t, both)
})

async function place(t: TestContext) {
  const redis = await startRedis()
  const started: Peer[] = []
  t.after(async () => {
    for (const peer of started) await peer.stop()
    await redis.stop()
  })
  const start = async (workers: number): Promise<Peer> => {
    const peer = await startTypescript('wasm', workers, redis.url)
    started.push(peer)
    return peer
  }
  return { redis, start }
}

async function mustBeOurs(t: TestContext, peer: Peer): Promise<void> {
  const ours = await startStepd('memory:')
  t.after(() => ours.stop())
  const [found, wanted] = [await updatesOf(peer, 'agree'), await updatesOf(ours, 'agree')]
  assert.ok(wanted.some((x) => x !== 0))
  assert.ok(distance(found, wanted) <= tolerance, `off by ${distance(found, wanted)}`)
}
