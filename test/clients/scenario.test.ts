import assert from 'node:assert/strict'
import { dirname, join } from 'node:path'
import { after, before, test } from 'node:test'
import { ServerProcess } from '../process.ts'
import { type Breaks, breakAlso, breakEverywhere, breakTheCut, startBreakingProxy } from './breaks.ts'
import { playScenario, scenarioFile } from './scenario.ts'

let server: ServerProcess
before(async () => {
  server = await ServerProcess.start({ STEPD_STORE: 'memory:' })
})
after(() => server.stop())

async function through(breaks: Breaks, prefix: string, file = scenarioFile) {
  const proxy = await startBreakingProxy(Number(new URL(server.url).port), breaks)
  try {
    const bytes = Buffer.from(await playScenario(proxy.url, prefix, file))
    return { bytes, requests: proxy.requests(), broken: proxy.broken() }
  } finally {
    await proxy.stop()
  }
}

test('the scenario ends with the same parameters, over connections that break too', async () => {
  const quiet = await through(breakTheCut(), 'quiet')
  assert.equal(quiet.bytes.length, 7 * 17 * 4)
  assert.equal(quiet.broken, 1)
  for (const seed of [1, 2, 3]) {
    const broken = await through(breakAlso(0.2, seed), `broken-${seed}`)
    assert.ok(broken.broken >= 0.1 * broken.requests, `${broken.broken} of ${broken.requests} were broken`)
    assert.deepEqual(broken.bytes, quiet.bytes)
  }
})

test('steps go on wherever the answer is cut', async () => {
  const file = join(dirname(scenarioFile), 'everywhere.json')
  const quiet = await through(() => undefined, 'quiet', file)
  const cut = await through(breakEverywhere(), 'cut', file)
  assert.deepEqual(cut.bytes, quiet.bytes)
  // Every length of an answer was there, the whole one too: some steps needed no second request.
  assert.ok(cut.broken < 800, `${cut.broken} answers were cut`)
})
