import assert from 'node:assert/strict'
import { test } from 'node:test'
import { TestApp } from './app.ts'
import { ServerProcess } from './process.ts'

const tensors = [
  { name: 'dense', shape: [300, 200] },
  { name: 'bias', shape: [200] },
]
const size = 60_200
const chain = 'chain(clip(1.0), centralize(), adam(1e-3))'
const steps = 24
/** Slow, so that a kill comes in the middle of a step. */
const engine = 'reference'

/** Pseudo-random gradients of a step, always the same. */
export function gradients(step: number): Uint8Array {
  let x = step * 2654435761
  const values = Float32Array.from({ length: size }, () => {
    x = (Math.imul(x, 1664525) + 1013904223) | 0
    return x / 2 ** 30
  })
  return new Uint8Array(values.buffer)
}

/** What an undisturbed server answers. */
async function undisturbed(): Promise<Buffer[]> {
  const app = await TestApp.start({ engine })
  await app.send('PUT', '/v1/sessions/run', { chain, tensors })
  const updates: Buffer[] = []
  for (let step = 1; step <= steps; step++) {
    const { body } = await app.send('POST', '/v1/sessions/run/steps', { step, grads: gradients(step) })
    updates.push(body.updates)
  }
  await app.close()
  return updates
}

/**
 * Steps through a server that is killed with SIGKILL in the middle of every third one, at varying moments: each
 * reply, also of a retry, is byte for byte that of an undisturbed run.
 */
export function testKills(
  name: string,
  prepare: () => Promise<{ store: string; stop: () => Promise<void> }>,
): void {
  test(`${name}: a server killed mid-step goes on where it was`, async () => {
    const expected = await undisturbed()
    const { store, stop } = await prepare()
    const env = { STEPD_STORE: store, STEPD_LOG_LEVEL: 'info', STEPD_ENGINE: engine }
    let server = await ServerProcess.start(env)
    let retried = 0
    let lost = 0
    try {
      await server.send('PUT', '/v1/sessions/run', { chain, tensors })
      for (let step = 1; step <= steps; step++) {
        const body = { step, grads: gradients(step) }
        const send = () => server.send('POST', '/v1/sessions/run/steps', body)
        if (step % 3 === 0) {
          const cut = send().catch(() => undefined)
          await new Promise((resolve) => setTimeout(resolve, step * 3))
          await server.stop('SIGKILL')
          if ((await cut) === undefined) lost++
          server = await ServerProcess.start(env)
        }
        const answer = await send()
        assert.equal(answer.status, 200, JSON.stringify(answer.body))
        assert.equal(answer.body.step, step)
        assert.deepEqual(Buffer.from(answer.body.updates as Buffer), expected[step - 1], `step ${step}`)
        if (answer.body.replayed === true) retried++
        if (step % 5 !== 0) continue
        const again = await send()
        assert.equal(again.body.replayed, true)
        assert.deepEqual(
          Buffer.from(again.body.updates as Buffer),
          expected[step - 1],
          `retry of step ${step}`,
        )
      }
      assert.equal((await server.send('GET', '/v1/sessions/run')).body.step, steps)
      // Or nothing of this was tested: some replies must have been lost, and of those some steps taken.
      assert.ok(lost > 0, 'no kill came in the middle of a step')
      assert.ok(retried > 0, `none of ${lost} steps cut short had been taken`)
    } finally {
      await server.stop()
      await stop()
    }
  })

  test(`${name}: SIGTERM ends what is under way, then the process`, async () => {
    const { store, stop } = await prepare()
    const server = await ServerProcess.start({ STEPD_STORE: store })
    try {
      await server.send('PUT', '/v1/sessions/run', { chain, tensors })
      const under = server.send('POST', '/v1/sessions/run/steps', { step: 1, grads: gradients(1) })
      await new Promise((resolve) => setTimeout(resolve, 20))
      assert.equal(await server.stop('SIGTERM'), 0)
      assert.equal((await under).status, 200)
    } finally {
      await server.stop('SIGKILL')
      await stop()
    }
  })
}
