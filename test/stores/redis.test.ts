import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { openStore } from '../../server/stores/index.ts'
import { closedChannel } from '../../server/stores/redis/keys.ts'
import { StoreUnavailable } from '../../server/stores/store.ts'
import { startProxy } from '../proxy.ts'
import { ask, startRedis } from '../redis.ts'
import { entriesOf, snapshotOf } from './conformance/fixture.ts'
import { conformance } from './conformance.ts'
import { assertProcessesShare } from './processes.ts'
import { create, entry, keysOf, MiB, none, stayingOf, unavailable, withRedis } from './setup.ts'

conformance('redis', async () => {
  const server = await startRedis()
  return {
    open: () => openStore(server.url),
    kept: () => stayingOf(server),
    shared: true,
    remove: server.stop,
  }
})

describe('store: redis, the server', () => {
  it('is shared by processes', { timeout: 120_000 }, () =>
    withRedis({}, ({ url }) => assertProcessesShare(url)),
  )

  it('has what was acknowledged when it is killed, where it writes at once', { timeout: 60_000 }, () =>
    withRedis({ appendonly: 'yes', appendfsync: 'always' }, async (server) => {
      const store = await openStore(server.url)
      const incarnation = await create(store)
      const acknowledged: string[] = []
      let down = false
      const appending = (async () => {
        while (!down) {
          const made = entry(incarnation, Buffer.alloc(acknowledged.length % 10 === 9 ? MiB : 1000, 1))
          const answer = await store.append('a', made).catch(() => undefined)
          if (answer?.status === 'appended') acknowledged.push(made.id)
        }
      })()
      while (acknowledged.length < 100) await sleep(5)
      await server.kill()
      down = true
      await server.restart()
      await appending
      const entries = await entriesOf(store, 'a', 0)
      const ids = new Set(entries.map(({ id }) => id))
      assert.ok(acknowledged.length >= 100)
      assert.deepEqual(
        acknowledged.filter((id) => !ids.has(id)),
        [],
      )
      assert.equal(ids.size, entries.length)
      assert.ok(entries.length <= acknowledged.length + 1)
      await store.close()
    }),
  )

  it('down is StoreUnavailable within bounds, and up again is used again', { timeout: 60_000 }, () =>
    withRedis({ appendonly: 'yes', appendfsync: 'always' }, async (server) => {
      const store = await openStore(server.url)
      const incarnation = await create(store)
      await store.append('a', entry(incarnation, none))
      await server.kill()
      const start = performance.now()
      const calls = [
        () => store.get('a'),
        () => store.append('a', entry(incarnation, none)),
        () => store.append('a', entry(incarnation, Buffer.alloc(3 * MiB))),
        () => entriesOf(store, 'a', 0),
        () => snapshotOf(store, 'a'),
        () => store.list('', 10),
        () => store.getValue('v'),
        () => store.ping(),
      ]
      const refused = (call: () => Promise<unknown>) =>
        assert.rejects(call(), unavailable(/^Cannot .*: Redis at redis:\/\/127\.0\.0\.1:\d+/))
      await Promise.all(calls.map(refused))
      assert.ok(performance.now() - start < 6000)
      await server.restart()
      const deadline = Date.now() + 5000
      while (
        !(await store.ping().then(
          () => true,
          () => false,
        ))
      )
        assert.ok(Date.now() < deadline)
      const head = (await store.get('a'))?.head
      assert.ok(head && head.seq >= 1)
      const answer = await store.append('a', entry(incarnation, Buffer.alloc(3 * MiB), head.step))
      assert.equal(answer.status, 'appended')
      await store.close()
    }),
  )

  it('that stands still is StoreUnavailable after five seconds', { timeout: 60_000 }, () =>
    withRedis({}, async (server) => {
      const store = await openStore(server.url)
      await create(store)
      process.kill(server.pid, 'SIGSTOP')
      const start = performance.now()
      await assert.rejects(store.get('a'), unavailable(/no reply in 5000 ms/))
      assert.ok(performance.now() - start < 6000)
      // Whoever queued behind that call is told at once.
      const next = performance.now()
      await assert.rejects(store.get('a'), unavailable(/no reply to the call before/))
      assert.ok(performance.now() - next < 100)
      process.kill(server.pid, 'SIGCONT')
      await sleep(1100)
      assert.ok(await store.get('a'))
      await store.close()
    }),
  )

  it('tells of rounds that others close when they do, not when it looks', { timeout: 30_000 }, () =>
    withRedis({}, async ({ url }) => {
      const [one, other] = [await openStore(url), await openStore(url)]
      const incarnation = await create(one)
      const round = { member: 'a', full: 1 }
      // Looking every second alone would take as many seconds.
      const start = performance.now()
      for (let step = 0; step < 6; step++) {
        const told = new Promise<void>((resolve) => {
          const end = one.watch('a', async () => {
            if ((await one.get('a'))?.head.step !== step + 1) return
            end()
            resolve()
          })
        })
        await one.ping()
        await other.append('a', { ...entry(incarnation, none, step), round })
        await told
      }
      assert.ok(performance.now() - start < 3000, `${performance.now() - start} ms`)
      await one.close()
      await other.close()
    }),
  )

  it('tells of them again, however often the connection breaks as it is asked to', { timeout: 60_000 }, () =>
    withRedis({}, async (server) => {
      const proxy = await startProxy(() => server.port)
      const store = await openStore(`redis://127.0.0.1:${proxy.port}`)
      const within = async (what: string, holds: () => Promise<boolean>) => {
        const deadline = Date.now() + 10_000
        while (!(await holds())) {
          assert.ok(Date.now() < deadline, `not within 10 s: ${what}`)
          await sleep(20)
        }
      }
      let cuts = 0
      const cut = () => void proxy.cutAt('subscribe').then(() => cuts++)
      const told = async () =>
        ((await ask(server, 'PUBSUB', 'NUMSUB', closedChannel)) as readonly unknown[])[1] === 1
      try {
        cut()
        const end = store.watch('a', () => {})
        for (let times = 1; times <= 3; times++) {
          await within(`asked ${times} times`, async () => cuts === times)
          if (times < 3) cut()
          proxy.mend()
        }
        await within('told', told)
        // And once it has been, in a connection that is there no more.
        cut()
        proxy.sever(() => true)
        await within('asked once more', async () => cuts === 4)
        proxy.mend()
        await within('told as before', told)
        end()
      } finally {
        await store.close()
        await proxy.stop()
      }
    }),
  )

  it('that cannot be reached is not opened', { timeout: 30_000 }, async () => {
    const server = await startRedis()
    await server.stop()
    const start = performance.now()
    await assert.rejects(openStore(server.url), unavailable(/ECONNREFUSED/))
    assert.ok(performance.now() - start < 6000)
  })

  it('out of memory is StoreUnavailable, takes nothing, and can be freed', { timeout: 60_000 }, () =>
    withRedis({ maxmemory: '20mb' }, async (server) => {
      const store = await openStore(server.url)
      const incarnation = await create(store)
      await store.append('a', entry(incarnation, none))
      for (const size of [100_000, 3 * MiB]) {
        const full = async () => {
          for (let i = 0; i < 300; i++) await store.append('a', entry(incarnation, Buffer.alloc(size)))
        }
        await assert.rejects(full(), unavailable(/OOM/))
      }
      const { head } = (await store.get('a')) ?? {}
      assert.equal((await entriesOf(store, 'a', 0)).length, head?.seq)
      const deadline = Date.now() + 5000
      while ((await keysOf(server)).some((key) => key.includes('}:s:'))) assert.ok(Date.now() < deadline)
      assert.equal(await store.delete('a'), true)
      assert.deepEqual(await keysOf(server), [])
      const again = await create(store)
      assert.equal((await store.append('a', entry(again, Buffer.alloc(MiB)))).status, 'appended')
      await store.close()
    }),
  )

  it('that evicts is refused, with what to change', () =>
    withRedis({ 'maxmemory-policy': 'allkeys-lru' }, async ({ url }) => {
      await assert.rejects(openStore(url), /maxmemory-policy is allkeys-lru, expected noeviction/)
    }))

  it('that forbids CONFIG is asked by INFO, and without either is warned of', () =>
    withRedis({}, async (server) => {
      const client = server.client()
      await client.config('SET', 'maxmemory-policy', 'volatile-ttl')
      await client.call('ACL', 'SETUSER', 'host', 'on', '>secret', '~*', '+@all', '-config')
      await client.call('ACL', 'SETUSER', 'mute', 'on', '>secret', '~*', '+@all', '-config', '-info')
      const warnings: string[] = []
      const open = (user: string) =>
        openStore(server.url.replace('//', `//${user}:secret@`), {
          warn: (message) => warnings.push(message),
        })
      await assert.rejects(open('host'), /maxmemory-policy is volatile-ttl, expected noeviction/)
      assert.deepEqual(warnings, [])
      await (await open('mute')).close()
      assert.match(warnings.join(), /Cannot read maxmemory-policy of Redis at 127\.0\.0\.1/)
      await client.config('SET', 'maxmemory-policy', 'noeviction')
      await (await open('host')).close()
      await assert.rejects(openStore(server.url.replace('//', '//host:wrong@')), (error: Error) => {
        assert.ok(error instanceof StoreUnavailable)
        assert.doesNotMatch(error.message, /secret|wrong@/)
        return true
      })
      // What may not be read is not taken for what another version wrote.
      await client.call('ACL', 'SETUSER', 'blind', 'on', '>secret', '~*', '+@all', '-get')
      const blind = await openStore(server.url.replace('//', '//blind:secret@'))
      await assert.rejects(blind.get('a'), unavailable(/user executing the script|ACL failure/))
      await blind.close()
      client.disconnect()
    }))
})
