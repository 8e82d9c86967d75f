import assert from 'node:assert/strict'
import { it } from 'node:test'
import { openStore } from '../../server/stores/index.ts'
import { conformance } from './conformance.ts'

conformance('memory', async () => ({
  open: () => openStore('memory:'),
  shared: false,
  remove: async () => {},
}))

it('a session in memory lives by the clock it is given', async () => {
  let now = 1000
  const store = await openStore('memory:', { now: () => now })
  await store.create('a', { incarnation: 'x', record: new Uint8Array(0), ttl: 100 })
  now = 1099
  assert.equal((await store.get('a'))?.expires, 1199)
  now = 1199
  assert.equal(await store.get('a'), undefined)
})

it('a url of no store is refused with examples of what is one', async () => {
  for (const url of ['', 'postgres://secret@host', './data', 'constructor:', 'lmdb']) {
    await assert.rejects(openStore(url), (error: Error) => {
      assert.match(
        error.message,
        /^Cannot open a store from a url .*: expected one like memory:, lmdb:\.\/data, /,
      )
      assert.doesNotMatch(error.message, /secret/)
      return true
    })
  }
  await assert.rejects(openStore('lmdb:'), /without a folder: expected a url like lmdb:/)
})
