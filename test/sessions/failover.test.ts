import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { TestApp } from '../app.ts'
import { ask, type RedisServer } from '../redis.ts'
import { type Replicated, startReplicated } from '../replicated.ts'
import { Trainer } from './trainer.ts'

/** Cut all replicas off, and let them come back only when this is undone. */
const cutOff = async (master: RedisServer) => {
  await ask(master, 'ACL', 'SETUSER', 'default', '-psync', '-sync')
  await ask(master, 'CLIENT', 'KILL', 'TYPE', 'replica')
}

describe('a failover by sentinels', { timeout: 240_000, concurrency: true }, () => {
  describe('where steps wait for a replica', { concurrency: 1 }, () => {
    // Of two, so that the one that takes over has a replica as well. Each test has its own: a replica that was cut off may
    // stay behind for a minute, refused in the middle of a handshake, and sentinels may take that one.
    const withReplicas = async (
      run: (redis: Replicated, app: TestApp, trainer: Trainer) => Promise<void>,
    ) => {
      const redis = await startReplicated(2)
      const app = await TestApp.start({ store: redis.url, redisWait: 1 })
      try {
        await run(redis, app, await Trainer.open(app, 60))
      } finally {
        await app.close()
        await redis.stop()
      }
    }

    it('a step that no replica has is not acknowledged, and known when it is sent again', () =>
      withReplicas(async (redis, app, trainer) => {
        await trainer.step()
        await cutOff(redis.master)
        assert.equal((await trainer.send()).status, 503)
        await ask(redis.master, 'ACL', 'SETUSER', 'default', '+psync', '+sync')
        const { step } = (await app.send('GET', trainer.path)).body
        assert.equal(step, 2)
        let answer = await trainer.send(2)
        for (; answer.status === 503; answer = await trainer.send(2)) await sleep(50)
        assert.equal(answer.body.replayed, true)
      }))

    it('loses none that was acknowledged', () =>
      withReplicas(async (redis, app, trainer) => {
        let killed: Promise<void> | undefined
        while (trainer.next <= 60) {
          if (trainer.next === 20) killed ??= redis.master.kill()
          // A sentinel that is held up by other work on the machine does nothing for the next 30 s.
          await trainer.step(120_000)
        }
        await killed
        assert.equal((await app.send('GET', trainer.path)).body.step, 60)
        const roles = redis.replicas.map(async (replica) => String(await ask(replica, 'ROLE')))
        assert.equal((await Promise.all(roles)).filter((role) => role.startsWith('master')).length, 1)
      }))
  })

  it('that loses a step says so by step_gap, where none waits for a replica', async () => {
    const redis = await startReplicated(1)
    const app = await TestApp.start({ store: redis.url })
    try {
      const trainer = await Trainer.open(app, 8)
      for (let i = 0; i < 3; i++) await trainer.step()
      const head = async (server: RedisServer) =>
        String(await ask(server, 'GET', '{stepd:public/run}:head')).split(' ')[13]
      while ((await head(redis.replicas[0] ?? redis.master)) !== '3') await sleep(10)
      await cutOff(redis.master)
      await trainer.step()
      assert.equal(trainer.next, 5)
      await redis.master.kill()
      let answer = await trainer.send(5)
      for (; answer.status === 503; answer = await trainer.send(5)) await sleep(50)
      assert.equal(answer.status, 409)
      assert.equal(answer.body.code, 'step_gap')
      assert.equal(answer.body.current_step, 3)
      // The client goes back to where the session is: what follows is what would have been.
      trainer.next = 4
      for (let i = 0; i < 5; i++) assert.equal(await trainer.step(), 0)
    } finally {
      await app.close()
      await redis.stop()
    }
  })
})
