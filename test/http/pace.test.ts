import assert from 'node:assert/strict'
import { test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { Pace } from '../../server/http/pace.ts'

test('a transfer that does not move is ended, one that waits for others is not', async () => {
  let now = 0
  const pace = new Pace(1000, () => now)
  let held = true
  const ended: string[] = []
  const watches = [
    pace.watch(
      () => 0,
      () => ended.push('still'),
    ),
    pace.watch(
      () => now * 2 ** 16,
      () => ended.push('moving'),
    ),
    pace.watch(
      () => 0,
      () => ended.push('held'),
      () => held,
    ),
  ]
  const until = async (time: number) => {
    now = time
    // The timer goes over them every 125 ms of real time.
    await sleep(300)
  }
  await until(999)
  assert.deepEqual(ended, [])
  await until(1001)
  assert.deepEqual(ended, ['still'])
  held = false
  await until(2000)
  assert.deepEqual(ended, ['still'])
  await until(2002)
  assert.deepEqual(ended, ['still', 'held'])
  for (const unwatch of watches) unwatch()
})

test('of many that stall each is ended, and those that move meanwhile are not', async () => {
  let now = 0
  const pace = new Pace(100, () => now)
  const ended: number[] = []
  const stalling = Array.from({ length: 200 }, (_, i) =>
    pace.watch(
      () => 0,
      () => ended.push(i),
    ),
  )
  let moving = 0
  const since = performance.now()
  const passing = setInterval(() => {
    now = performance.now() - since
    moving += 2 ** 16
  }, 10)
  const unwatch = pace.watch(
    () => moving,
    () => ended.push(-1),
  )
  // One that has come to its end while it waits for its turn.
  await until(() => ended.length > 0)
  stalling.at(-1)?.()
  await until(() => ended.length >= 199)
  await sleep(200)
  clearInterval(passing)
  unwatch()
  assert.deepEqual(ended, [...Array(199).keys()])
})

async function until(holds: () => boolean): Promise<void> {
  for (let i = 0; i < 1000 && !holds(); i++) await sleep(10)
}
