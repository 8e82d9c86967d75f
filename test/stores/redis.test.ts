import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { openStore } from '../../server/stores/index.ts'
import { inlined } from '../../server/stores/redis/bodies.ts'
import { snapshotCall } from '../../server/stores/redis/calls.ts'
import { closedChannel, newBodyKeys } from '../../server/stores/redis/keys.ts'
import { scripts } from '../../server/stores/redis/scripts.ts'
import { StateLost, type Store, StoreUnavailable } from '../../server/stores/store.ts'
import { checkLeftovers } from '../chaos/leftovers.ts'
import { startProxy } from '../proxy.ts'
import { ask, type RedisServer, startRedis } from '../redis.ts'
import { entriesOf, newId, snapshotOf } from './conformance/fixture.ts'
import { conformance } from './conformance.ts'
import { assertProcessesShare } from './processes.ts'

const withRedis = async (
  options: Readonly<Record<string, string>>,
  run: (server: RedisServer) => Promise<void>,
) => {
  const server = await startRedis(options)
  try {
    await run(server)
  } finally {
    await server.stop()
  }
}

const keysOf = async (server: RedisServer): Promise<string[]> => {
  const client = server.client()
  const keys = new Set<string>()
  for await (const found of client.scanStream({ count: 1000 }))
    for (const key of found as string[]) keys.add(key)
  client.disconnect()
  return [...keys]
}

const MiB = 1 << 20
const none = new Uint8Array(0)
const entry = (incarnation: string, body: Uint8Array, after?: number) => ({
  id: newId(),
  meta: none,
  body: [body],
  incarnation,
  advance: { digest: 'd' },
  ...(after !== undefined && { after }),
})
const create = async (store: Store, key = 'a') => {
  const incarnation = newId()
  await store.create(key, { incarnation, record: none, ttl: 60_000 })
  return incarnation
}
const unavailable = (pattern: RegExp) => (error: Error) => {
  assert.ok(error instanceof StoreUnavailable, String(error))
  assert.match(error.message, pattern)
  return true
}

conformance('redis', async () => {
  const server = await startRedis()
  return {
    open: () => openStore(server.url),
    kept: () => keysOf(server),
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

describe('store: redis, the next step of a session that is where it was left', () => {
  it('is taken by one compare, and looked at by all rules where that fails', () =>
    withRedis({}, async (server) => {
      const [one, other] = [await openStore(server.url), await openStore(server.url)]
      const incarnation = await create(one)
      // What follows by the rules asks whether it was there before.
      const judged = async () => {
        const stats = String(await ask(server, 'INFO', 'commandstats'))
        return Number(/cmdstat_exists:calls=(\d+)/.exec(stats)?.[1] ?? 0)
      }
      const start = await judged()
      const append = async (store: Store, after?: number, expected = 'appended') => {
        const answer = await store.append('a', entry(incarnation, Buffer.from('x'), after))
        assert.equal(answer.status, expected)
        return answer.status === 'missing' ? undefined : answer.head
      }
      for (let step = 0; step < 10; step++) assert.equal((await append(one, step))?.step, step + 1)
      assert.equal((await judged()) - start, 1)
      // Another server takes two: the first one's guess is wrong, and it learns where the session is.
      for (let step = 10; step < 12; step++) await append(other, step)
      assert.equal((await judged()) - start, 2)
      assert.equal((await append(one, 10, 'refused'))?.step, 12)
      assert.equal((await append(one))?.seq, 13)
      assert.equal((await append(one))?.seq, 14)
      assert.equal((await judged()) - start, 4)
      // So it does when something else of the session changed, and after a snapshot of its own it knows already.
      await other.setTtl('a', 30_000)
      await append(one, 14)
      assert.equal((await judged()) - start, 5)
      const { head } = (await one.get('a')) ?? {}
      assert.ok(head)
      await one.putSnapshot('a', { incarnation, seq: head.seq, id: head.id, meta: none, body: [none] })
      await append(one, 15)
      assert.equal((await judged()) - start, 5)
      // One that ran out of time and was made again is another.
      await one.delete('a')
      await append(one, 16, 'missing')
      const again = await create(one)
      assert.equal((await one.append('a', entry(again, none, 0))).status, 'appended')
      await append(one, 1, 'missing')
      await one.close()
      await other.close()
    }))

  it('counts who gave something, and not who was refused as all is made to last', { timeout: 30_000 }, () =>
    withRedis({}, async (server) => {
      const store = await openStore(server.url)
      const incarnation = newId()
      await store.create('a', { incarnation, record: none, ttl: 300 })
      const give = async (member: string, seq: number, atMost: number) => {
        const once = { member, seq, most: 2 }
        return (await store.append('a', { ...entry(incarnation, none), once, atMost })).status
      }
      assert.equal(await give('one', 1, 0), 'appended')
      for (let i = 0; i < 12; i++) {
        assert.equal(await give('late', 1, 0), 'refused')
        await sleep(100)
      }
      assert.equal(await give('two', 1, 1), 'appended')
      assert.equal(await give('three', 1, 2), 'crowded')
      await store.close()
    }),
  )

  it('lasts as long as the session, however long that is used', { timeout: 30_000 }, () =>
    withRedis({}, async (server) => {
      const store = await openStore(server.url)
      const incarnation = newId()
      await store.create('a', { incarnation, record: none, ttl: 1000 })
      for (let step = 0; step < 12; step++) {
        assert.equal((await store.append('a', entry(incarnation, none, step))).status, 'appended')
        await sleep(300)
      }
      assert.equal((await entriesOf(store, 'a', 0)).length, 12)
      await sleep(1100)
      assert.equal(await store.get('a'), undefined)
      await store.close()
    }),
  )
})

describe('store: redis, its keys', () => {
  it('all expire, and last as long as the session is used', { timeout: 60_000 }, () =>
    withRedis({}, async (server) => {
      const store = await openStore(server.url)
      const client = server.client()
      const incarnation = newId()
      await store.create('a', { incarnation, record: none, ttl: 1000 })
      const first = entry(incarnation, Buffer.alloc(3 * MiB, 1))
      await store.append('a', first)
      await store.putSnapshot('a', { ...first, seq: 1, body: [Buffer.alloc(MiB, 2)] })
      await store.append('a', entry(incarnation, none))
      await store.append('a', entry(incarnation, Buffer.alloc(MiB, 3)))
      for (let i = 0; i < 8; i++) {
        await sleep(500)
        await store.get('a')
        const keys = await keysOf(server)
        // What is remembered of entries that are gone lasts a minute, and here no longer than the session did then.
        assert.equal(keys.filter((key) => !key.endsWith('}:taken')).length, 6)
        for (const key of keys) {
          const left = await client.pttl(key)
          assert.ok(left > 0 && left <= 2000, `${key} has ${left} ms left`)
        }
      }
      assert.equal((await entriesOf(store, 'a', 0)).length, 2)
      assert.ok((await snapshotOf(store, 'a'))?.body.every((byte) => byte === 2))
      await sleep(2300)
      assert.deepEqual(await keysOf(server), [])
      client.disconnect()
      await store.close()
    }),
  )

  it('of an append that was abandoned expire, and can be sent again', () =>
    withRedis({}, async (server) => {
      const store = await openStore(server.url)
      const client = server.client()
      const incarnation = await create(store)
      const made = entry(incarnation, Buffer.alloc(80 * MiB, 1))
      const appending = store.append('a', made).catch((error: unknown) => error)
      const staged = async () => (await keysOf(server)).filter((key) => key.includes('}:s:'))
      while ((await staged()).length === 0) await sleep(0)
      // Redis takes no write from here on, so that the append cannot end before it is abandoned.
      await client.call('CLIENT', 'PAUSE', '60000', 'WRITE')
      await store.close()
      assert.ok((await appending) instanceof StoreUnavailable)
      const left = await staged()
      assert.ok(left.length > 0)
      await client.call('CLIENT', 'UNPAUSE')
      for (const key of left) {
        const ms = await client.pttl(key)
        assert.ok(ms > 0 && ms <= 90_000, `${key} has ${ms} ms left`)
      }
      const again = await openStore(server.url)
      assert.equal((await again.get('a'))?.head.seq, 0)
      assert.equal((await again.append('a', made)).status, 'appended')
      assert.deepEqual(await staged(), [])
      assert.equal((await entriesOf(again, 'a', 0))[0]?.body.length, 80 * MiB)
      client.disconnect()
      await again.close()
    }))

  it('sent ahead and expired are not taken', () =>
    withRedis({}, async (server) => {
      const store = await openStore(server.url)
      const client = server.client()
      const incarnation = await create(store)
      const made = entry(incarnation, Buffer.alloc(64 * MiB, 1))
      const appending = store.append('a', made)
      const key = `{stepd:a}:s:${made.id}:0`
      while ((await client.hexists(key, '0')) === 0) await sleep(0)
      await client.hdel(key, '0')
      await assert.rejects(appending, unavailable(/have expired/))
      assert.equal((await store.get('a'))?.head.seq, 0)
      client.disconnect()
      await store.close()
    }))

  it('an entry that was taken is not taken again, also when another came since', () =>
    withRedis({}, async (server) => {
      const store = await openStore(server.url)
      const incarnation = await create(store)
      const made = entry(incarnation, Buffer.from('1'))
      const first = await store.append('a', made)
      await store.append('a', entry(incarnation, Buffer.from('2')))
      // By one that does not know where the session is, as the same call does not when it is sent once more.
      const other = await openStore(server.url)
      assert.deepEqual(await other.append('a', made), first)
      assert.equal((await entriesOf(store, 'a', 0)).length, 2)
      await store.close()
      await other.close()
    }))

  it('that a server left as it was killed, its snapshot put and nothing trimmed, go with the next snapshot', () =>
    withRedis({}, async (server) => {
      const store = await openStore(server.url)
      const client = server.client()
      const incarnation = await create(store)
      const made = Array.from({ length: 100 }, () => entry(incarnation, Buffer.alloc(10)))
      for (const one of made) await store.append('a', one)
      const at = (seq: number) => ({ incarnation, seq, id: made[seq - 1]?.id ?? '', meta: none })
      const name = newId()
      const body = [Buffer.from('abc')]
      const call = snapshotCall({ ...at(90), body }, name, undefined)
      const put = [call, Buffer.concat(inlined(none, body) ?? [])] as const
      const keys = [...newBodyKeys('a', name)]
      const answer = await client.eval(scripts.putsnapshot.source, keys.length, ...keys, ...put)
      assert.equal((answer as readonly string[])[0], 'put')
      const bodies = async () => (await keysOf(server)).filter((key) => key.includes(':b:')).length
      assert.equal(await bodies(), 101)
      await checkLeftovers(client, ['a'])
      assert.ok(await store.putSnapshot('a', { ...at(95), body: [Buffer.from('abcd')] }))
      assert.equal(await bodies(), 6)
      await checkLeftovers(client, ['a'])
      client.disconnect()
      await store.close()
    }))

  it('that are missing are StateLost', () =>
    withRedis({}, async (server) => {
      const store = await openStore(server.url)
      const client = server.client()
      const incarnation = await create(store)
      const made = entry(incarnation, Buffer.alloc(3 * MiB, 1))
      await store.append('a', made)
      const read = () => entriesOf(store, 'a', 0)
      const lost = (pattern: RegExp) => (error: Error) => {
        assert.ok(error instanceof StateLost, String(error))
        assert.match(error.message, pattern)
        return true
      }
      const body = `{stepd:a}:b:${made.id}:0`
      await client.hdel(body, '4')
      await assert.rejects(read(), lost(/entry 1 of session "a": chunk 4 of 7 is missing/))
      await client.hset(body, '4', 'short')
      await assert.rejects(read(), lost(/chunk 4 of 7 is 5 bytes, expected 520192/))
      await client.unlink(body)
      await assert.rejects(read(), lost(/entry 1 of session "a": it is missing/))
      await client.unlink('{stepd:a}:log')
      await assert.rejects(read(), lost(/entry 1 is not in the log/))
      const again = await create(store, 'b')
      const small = entry(again, Buffer.from('small'))
      await store.append('b', small)
      await client.unlink(`{stepd:b}:b:${small.id}:0`)
      await assert.rejects(entriesOf(store, 'b', 0), lost(/entry 1 of session "b": it is missing/))
      await store.putSnapshot('b', { ...small, seq: 1 })
      const [snapshot = ''] = (await keysOf(server)).filter((key) => key.startsWith('{stepd:b}:b:'))
      await client.unlink(snapshot)
      await assert.rejects(snapshotOf(store, 'b'), lost(/the snapshot of session "b": it is missing/))
      await client.unlink('{stepd:b}:record')
      await assert.rejects(store.get('b'), lost(/the record is missing/))
      client.disconnect()
      await store.close()
    }))

  it('that cannot be read to the end are not handed on any more once that is said', () =>
    withRedis({}, async (server) => {
      const store = await openStore(server.url)
      const client = server.client()
      const incarnation = await create(store)
      const made = entry(incarnation, Buffer.alloc(30 * MiB, 1))
      await store.append('a', made)
      await client.hdel(`{stepd:a}:b:${made.id}:0`, '4')
      for await (const { body } of store.entries('a', 0)) {
        const place = new Uint8Array(body.size)
        await assert.rejects(async () => body.read([place]), StateLost)
        const before = Buffer.from(place)
        await sleep(300)
        assert.ok(before.equals(place))
        assert.ok(before.includes(0))
      }
      client.disconnect()
      await store.close()
    }))

  it('of another format are not read or written', () =>
    withRedis({}, async (server) => {
      const store = await openStore(server.url)
      const client = server.client()
      const incarnation = await create(store)
      const made = entry(incarnation, none)
      await store.append('a', made)
      const later = /storage format 3, this version reads format 2/
      await client.set('{stepd:a}:head', String(await client.get('{stepd:a}:head')).replace(/^2/, '3'))
      await assert.rejects(entriesOf(store, 'a', 0), later)
      await assert.rejects(store.append('a', entry(incarnation, none)), later)
      // The head of the first one was a hash.
      await client.unlink('{stepd:a}:head')
      await client.hset('{stepd:a}:head', 'format', '1')
      const format = /storage format 1, this version reads format 2/
      await assert.rejects(store.get('a'), format)
      await assert.rejects(store.append('a', entry(incarnation, none)), format)
      await assert.rejects(store.create('a', { incarnation, record: none, ttl: 1 }), format)
      assert.equal(await store.delete('a'), true)
      assert.equal((await store.create('a', { incarnation, record: none, ttl: 1000 })).created, true)
      await client.set('stepd:value:v', '\x02x')
      await assert.rejects(store.getValue('v'), /storage format 2, this version reads format 1/)
      client.disconnect()
      await store.close()
    }))

  it('scripts that the server has forgotten are sent again', () =>
    withRedis({}, async (server) => {
      const store = await openStore(server.url)
      const client = server.client()
      const incarnation = await create(store)
      await client.script('FLUSH')
      assert.equal((await store.append('a', entry(incarnation, Buffer.alloc(MiB)))).status, 'appended')
      assert.equal((await store.get('a'))?.head.seq, 1)
      client.disconnect()
      await store.close()
    }))
})
