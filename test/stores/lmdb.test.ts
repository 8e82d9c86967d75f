import assert from 'node:assert/strict'
import { spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, it } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { openStore } from '../../server/stores/index.ts'
import { Bodies } from '../../server/stores/lmdb/bodies.ts'
import { LmdbMedium } from '../../server/stores/lmdb/medium.ts'
import { StateLost, StoreUnavailable } from '../../server/stores/store.ts'
import { entriesOf, newId, snapshotOf } from './conformance/fixture.ts'
import { conformance } from './conformance.ts'
import { appender, assertProcessesShare } from './processes.ts'

const tables = ['heads', 'journal', 'bytes', 'staged', 'values'] as const
const keysIn = (medium: LmdbMedium): string[] =>
  medium.read(() => tables.flatMap((table) => [...medium[table].getKeys()].map((key) => `${table} ${key}`)))

const withFolder = async (run: (path: string) => Promise<void>) => {
  const path = await mkdtemp(join(tmpdir(), 'stepd-lmdb-'))
  try {
    await run(path)
  } finally {
    await rm(path, { recursive: true, force: true })
  }
}

conformance('lmdb', async () => {
  const path = join(await mkdtemp(join(tmpdir(), 'stepd-lmdb-')), 'made/if.missing')
  const medium = new LmdbMedium(path)
  return {
    open: () => openStore(`lmdb:${path}`),
    kept: async () => keysIn(medium),
    shared: true,
    remove: async () => {
      await medium.close()
      await rm(join(path, '../..'), { recursive: true, force: true })
    },
  }
})

describe('store: lmdb, a folder', () => {
  const entry = (incarnation: string, body: Uint8Array) => ({
    id: newId(),
    meta: new Uint8Array(0),
    body: [body],
    incarnation,
    advance: { digest: 'd' },
  })

  it('opened again has all of it', () =>
    withFolder(async (path) => {
      const incarnation = newId()
      const store = await openStore(`lmdb:${path}`)
      await store.create('a', { incarnation, record: Buffer.from('r'), ttl: 60_000 })
      const first = entry(incarnation, Buffer.alloc(3_000_000, 1))
      await store.append('a', first)
      await store.putSnapshot('a', { ...first, seq: 1, body: [Buffer.from('s')] })
      await store.append('a', entry(incarnation, Buffer.from('2')))
      await store.putValue('v', Buffer.from('value'))
      const before = [await snapshotOf(store, 'a'), await entriesOf(store, 'a', 0), await store.getValue('v')]
      await store.close()
      await assert.rejects(async () => store.get('a'), StoreUnavailable)
      await assert.rejects(async () => store.append('a', first), StoreUnavailable)
      const again = await openStore(`lmdb:${path}`)
      const after = [await snapshotOf(again, 'a'), await entriesOf(again, 'a', 0), await again.getValue('v')]
      assert.deepEqual(after, before)
      await again.close()
    }))

  it('is shared by processes', { timeout: 120_000 }, () =>
    withFolder((path) => assertProcessesShare(`lmdb:${path}`)),
  )

  it('shows what another process wrote within the same turn', () =>
    withFolder(async (path) => {
      const store = await openStore(`lmdb:${path}`)
      await store.create('a', { incarnation: newId(), record: Buffer.alloc(0), ttl: 60_000 })
      assert.equal((await store.get('a'))?.head.seq, 0)
      // Nothing of this process runs in between: a read transaction of before would still be there.
      const { status } = spawnSync(process.execPath, [appender, `lmdb:${path}`, 'a', '1', 'any'])
      assert.equal(status, 0)
      assert.equal((await store.get('a'))?.head.seq, 1)
      assert.equal((await entriesOf(store, 'a', 0)).length, 1)
      await store.close()
    }))

  it('has what was acknowledged when the process is killed', { timeout: 60_000 }, () =>
    withFolder(async (path) => {
      const store = await openStore(`lmdb:${path}`)
      const incarnation = newId()
      await store.create('a', { incarnation, record: Buffer.alloc(0), ttl: 60_000 })
      const script = fileURLToPath(new URL('./acknowledging.js', import.meta.url))
      const child = spawn(process.execPath, [script, `lmdb:${path}`, 'a'], {
        stdio: ['ignore', 'pipe', 'inherit'],
      })
      let acknowledged = ''
      child.stdout.on('data', (bytes: Buffer) => {
        acknowledged += bytes
      })
      while (acknowledged.length < 33 * 100) await sleep(5)
      child.kill('SIGKILL')
      await once(child, 'close')
      const ids = acknowledged.split('\n').slice(0, -1)
      const entries = await entriesOf(store, 'a', 0)
      assert.deepEqual(
        entries.slice(0, ids.length).map(({ id }) => id),
        ids,
      )
      assert.ok(entries.every(({ id, body }) => Buffer.from(body.subarray(0, 32)).toString() === id))
      // Another may go on at once where it ended.
      await store.append('a', entry(incarnation, Buffer.from('x')))
      await store.close()
    }),
  )

  it('throws StateLost where bytes are missing', () =>
    withFolder(async (path) => {
      const store = await openStore(`lmdb:${path}`)
      const medium = new LmdbMedium(path)
      const incarnation = newId()
      const made = entry(incarnation, Buffer.alloc(3 << 20, 1))
      await store.create('a', { incarnation, record: Buffer.alloc(0), ttl: 60_000 })
      await store.append('a', made)
      const chunk = keysIn(medium).find((key) => key.startsWith('bytes') && key.endsWith('1'))
      await medium.write('test', () => medium.bytes.remove(chunk?.slice('bytes '.length) ?? ''))
      await assert.rejects(entriesOf(store, 'a', 0), (error: Error) => {
        assert.ok(error instanceof StateLost)
        assert.match(error.message, /entry 1 of session "a": chunk 1 of 3 is missing/)
        return true
      })
      await medium.write('test', () => medium.removeUnder(medium.journal, `${incarnation}/`))
      await assert.rejects(entriesOf(store, 'a', 0), StateLost)
      await medium.close()
      await store.close()
    }))

  it('of a later format is not read', () =>
    withFolder(async (path) => {
      const store = await openStore(`lmdb:${path}`)
      const medium = new LmdbMedium(path)
      await medium.write('test', () => medium.heads.put('a', Uint8Array.of(2, 0, 0, 0, 0)))
      await assert.rejects(
        store.get('a'),
        /Cannot read session "a": it is in storage format 2, this version reads format 1/,
      )
      await medium.close()
      await store.close()
    }))

  it('loses what was staged and never taken, and what has expired, as others are made', () =>
    withFolder(async (path) => {
      let now = 1000
      const store = await openStore(`lmdb:${path}`, { now: () => now })
      const medium = new LmdbMedium(path)
      for (let i = 0; i < 20; i++) {
        await store.create(`old/${i}`, { incarnation: newId(), record: Buffer.alloc(10), ttl: 1000 })
      }
      const bodies = new Bodies(medium, () => now)
      await bodies.stage(newId(), newId(), [Buffer.alloc(2 << 20)], 5000)
      assert.equal(keysIn(medium).filter((key) => key.startsWith('staged')).length, 1)
      now = 10_000
      for (let i = 0; i < 8; i++) {
        await store.create(`new/${i}`, { incarnation: newId(), record: Buffer.alloc(10), ttl: 1000 })
      }
      assert.deepEqual(
        keysIn(medium).filter((key) => !key.startsWith('heads new/') && !/^bytes \w+\/record$/.test(key)),
        [],
      )
      assert.equal(keysIn(medium).length, 16)
      await medium.close()
      await store.close()
    }))
})
