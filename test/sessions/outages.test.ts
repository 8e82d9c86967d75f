import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { TestApp } from '../app.ts'
import { ask, type RedisServer, startRedis } from '../redis.ts'
import { Trainer } from './trainer.ts'

/** How long a store is gone, in milliseconds; TEST_OUTAGE_MS=30000 is the long form. */
const OUTAGE_MS = Number(process.env.TEST_OUTAGE_MS ?? 2000)
/** No answer may take longer: one call of the store that has no reply, and some room on a busy machine. */
const BOUND_MS = 7000

/** Keys that take their time to be loaded: longer than a call waits for a store that will soon be there. */
const FILLERS = 50
const LOADING_MS = OUTAGE_MS + 6000

const durable = {
  appendonly: 'yes',
  appendfsync: 'always',
  'enable-debug-command': 'yes',
  'loading-process-events-interval-bytes': '1024',
}

interface Fault {
  readonly start: (redis: RedisServer) => Promise<unknown>
  readonly end: (redis: RedisServer) => Promise<unknown>
}

const faults: Readonly<Record<string, Fault>> = {
  'is killed': { start: (redis) => redis.kill(), end: (redis) => redis.restart() },
  'stands still': {
    start: async ({ pid }) => process.kill(pid, 'SIGSTOP'),
    end: async ({ pid }) => process.kill(pid, 'SIGCONT'),
  },
  'is out of memory': {
    start: (redis) => ask(redis, 'CONFIG', 'SET', 'maxmemory', '1'),
    end: (redis) => ask(redis, 'CONFIG', 'SET', 'maxmemory', '0'),
  },
  'is a replica, and so read-only': {
    start: (redis) => ask(redis, 'REPLICAOF', '127.0.0.1', '1'),
    end: (redis) => ask(redis, 'REPLICAOF', 'NO', 'ONE'),
  },
  'has too few replicas': {
    start: (redis) => ask(redis, 'CONFIG', 'SET', 'min-replicas-to-write', '1'),
    end: (redis) => ask(redis, 'CONFIG', 'SET', 'min-replicas-to-write', '0'),
  },
  'loads its file': {
    start: async (redis) => {
      for (let i = 0; i < FILLERS; i++) await ask(redis, 'SET', `filler:${i}`, 'x'.repeat(2000))
      await ask(redis, 'CONFIG', 'SET', 'key-load-delay', Math.ceil((LOADING_MS * 1000) / FILLERS))
      ask(redis, 'DEBUG', 'RELOAD').catch(() => undefined)
      await sleep(200)
    },
    end: async (redis) => {
      const loads = async () => /^loading:1/m.test(String(await ask(redis, 'INFO', 'persistence')))
      while (await loads()) await sleep(50)
    },
  },
}

const inFault = async (redis: RedisServer, fault: Fault, trainer: Trainer): Promise<void> => {
  await fault.start(redis)
  const end = performance.now() + OUTAGE_MS
  const before = trainer.next
  while (performance.now() < end) {
    // Several at once wait for each other in the session's queue, and are answered all the same.
    const answers = await Promise.all(Array.from({ length: 40 }, () => trainer.send()))
    for (const { status } of answers) assert.equal(status, 503)
    await sleep(100)
  }
  assert.equal(trainer.next, before)
  await fault.end(redis)
}

describe('a store that fails', { concurrency: true }, () => {
  for (const [name, fault] of Object.entries(faults)) {
    it(`Redis ${name}: 503 in bounded time, nothing half-applied, and on it goes`, async () => {
      const redis = await startRedis(durable)
      const app = await TestApp.start({ store: redis.url })
      try {
        const trainer = await Trainer.open(app, 8)
        for (let i = 0; i < 3; i++) await trainer.step()
        await inFault(redis, fault, trainer)
        const ended = performance.now()
        await trainer.step()
        assert.ok(performance.now() - ended < 3000, 'work does not go on within 3 s')
        for (let i = 0; i < 3; i++) assert.equal(await trainer.step(), 0)
        assert.ok(trainer.slowest < BOUND_MS, `an answer took ${trainer.slowest} ms`)
        assert.equal((await app.send('GET', trainer.path)).body.step, 7)
        // Nothing was left behind by what was refused.
        const keys = (await ask(redis, 'KEYS', '*')) as string[]
        assert.deepEqual(
          keys.filter((key) => key.includes('}:s:')),
          [],
        )
        assert.equal(keys.filter((key) => key.includes('}:b:')).length, 7)
      } finally {
        await app.close()
        await redis.stop()
      }
    })
  }

  it('Redis is slow: it is waited for', async () => {
    const redis = await startRedis(durable)
    const app = await TestApp.start({ store: redis.url })
    try {
      const trainer = await Trainer.open(app, 2)
      await trainer.step()
      const asleep = ask(redis, 'DEBUG', 'SLEEP', 2)
      await sleep(100)
      assert.equal(await trainer.step(), 0)
      assert.ok(trainer.slowest > 1500)
      await asleep
    } finally {
      await app.close()
      await redis.stop()
    }
  })
})
