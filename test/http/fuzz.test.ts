import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { TestApp } from '../app.ts'
import { Victim } from './fuzz/victim.ts'

// `npm run test:fuzz` is the long form, against a server of its own.
const count = 50_000
const seed = 1

setFlagsFromString('--expose-gc')
const collect = runInNewContext('gc') as () => void

let app: TestApp
before(async () => {
  app = await TestApp.start()
})
after(() => app.close())

test(`${count} bodies, mutated and random: refused as documented, nothing changed, nothing left`, async (t) => {
  const victim = new Victim(
    {
      send: (...request) => app.send(...request),
      throw: (input) => app.raw(input),
    },
    'victim',
    seed,
  )
  await victim.start()
  let early = 0
  for (let i = 0; i < count; i++) {
    await victim.once()
    if (i === Math.floor(count / 4)) early = held()
  }
  const late = held()
  const { statuses } = victim
  t.diagnostic(`${JSON.stringify(Object.fromEntries(statuses))}, ${late - early} bytes more at the end`)
  assert.ok((statuses.get(400) ?? 0) > count / 4 && (statuses.get(422) ?? 0) > count / 100)
  assert.ok(late - early < 16 * 2 ** 20, `${late - early} bytes more are held`)
})

/** Bytes of heap and of buffers that are in use. */
function held(): number {
  collect()
  collect()
  const { heapUsed, external } = process.memoryUsage()
  return heapUsed + external
}
