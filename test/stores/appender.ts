/** A process of its own that appends to a session: `appender.js <url> <key> <count> any|after`. Prints the ids taken. */
import { randomBytes } from 'node:crypto'
import { openStore } from '../../server/stores/index.ts'

const [url = '', key = '', count = '0', mode = 'any'] = process.argv.slice(2)
const store = await openStore(url)
const session = await store.get(key)
if (session === undefined) throw new Error(`Cannot append to "${key}": no such session`)

const taken: string[] = []
let step = session.head.step
while (taken.length < Number(count)) {
  const id = randomBytes(16).toString('hex')
  const answer = await store.append(key, {
    id,
    meta: Buffer.from(mode),
    body: [Buffer.from(id)],
    incarnation: session.incarnation,
    ...(mode === 'after' && { after: step }),
    advance: { digest: id },
  })
  if (answer.status === 'missing') throw new Error(`Cannot append to "${key}": the session has gone`)
  if (answer.status === 'appended') taken.push(id)
  step = answer.head.step
}
await store.close()
process.stdout.write(JSON.stringify(taken))
