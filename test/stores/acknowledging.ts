/** A process of its own that appends to a session until it is killed, and prints the id of each entry once it is taken. */
import { randomBytes } from 'node:crypto'
import { writeSync } from 'node:fs'
import { openStore } from '../../server/stores/index.ts'

const [url = '', key = ''] = process.argv.slice(2)
const store = await openStore(url)
const session = await store.get(key)
if (session === undefined) throw new Error(`Cannot append to "${key}": no such session`)
for (;;) {
  const id = randomBytes(16).toString('hex')
  await store.append(key, {
    id,
    meta: new Uint8Array(0),
    body: [Buffer.from(id), Buffer.alloc(20_000)],
    incarnation: session.incarnation,
    advance: { digest: id },
  })
  writeSync(1, `${id}\n`)
}
