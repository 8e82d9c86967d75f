import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { openStore } from '../../server/stores/index.ts'
import { assertChained, entriesOf, newId } from './conformance/fixture.ts'

export const appender = fileURLToPath(new URL('./appender.js', import.meta.url))

/** Ids that a process of its own got taken. */
const appendElsewhere = (url: string, key: string, count: number, mode: 'any' | 'after'): Promise<string[]> =>
  new Promise((resolve, reject) => {
    const child = spawn(process.execPath, [appender, url, key, String(count), mode])
    let out = ''
    let fault = ''
    child.stdout.on('data', (bytes: Buffer) => {
      out += bytes
    })
    child.stderr.on('data', (bytes: Buffer) => {
      fault += bytes
    })
    child.once('close', (code) => {
      if (code === 0) resolve(JSON.parse(out))
      else reject(new Error(`The appender ended with ${code}: ${fault}`))
    })
  })

/** Two processes append 200 entries each, by compare or without: all are there once, in one chain. */
export const assertProcessesShare = async (url: string): Promise<void> => {
  for (const mode of ['any', 'after'] as const) {
    const key = `processes/${mode}`
    const incarnation = newId()
    const store = await openStore(url)
    try {
      await store.create(key, { incarnation, record: new Uint8Array(0), ttl: 600_000 })
      const taken = await Promise.all([1, 2].map(() => appendElsewhere(url, key, 200, mode)))
      const entries = await entriesOf(store, key, 0)
      assert.equal(entries.length, 400)
      assertChained(entries, incarnation)
      assert.deepEqual(entries.map(({ id }) => id).sort(), taken.flat().sort())
      for (const { id, body, step, seq } of entries) {
        assert.equal(Buffer.from(body).toString(), id)
        assert.equal(step, seq)
      }
      const session = await store.get(key)
      assert.equal(session?.head.seq, 400)
    } finally {
      await store.close()
    }
  }
}
