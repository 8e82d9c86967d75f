import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { narrow } from '../../server/engines/dtypes.ts'
import { floats, TestApp } from '../app.ts'
import { loadVectors } from '../vectors/load.ts'

let app: TestApp
before(async () => {
  app = await TestApp.start({ engine: 'reference' })
})
after(() => app.close())

// The vectors' gradients and first parameters are float32 numbers. The server keeps the parameters, so nothing but
// the reply is rounded: it must be Optax's float64 update, to float32 rounding.
for (const { name, chain, tensors, params, gradients, losses, updates } of loadVectors()) {
  test(`over the wire as Optax, to float32 rounding: ${name}`, async () => {
    const path = `/v1/sessions/${name.replaceAll('/', '.')}`
    const opened = await app.send('PUT', path, { chain, tensors, params: narrow(params, 'F32') })
    assert.equal(opened.status, 201, JSON.stringify(opened.body))
    for (const [i, gradient] of gradients.entries()) {
      const { status, body } = await app.send('POST', `${path}/steps`, {
        step: i + 1,
        grads: narrow(gradient, 'F32'),
        value: losses[i],
      })
      assert.equal(status, 200, JSON.stringify(body))
      const expected = updates[i] ?? new Float64Array()
      const norm = Math.hypot(...expected)
      for (const [k, u] of floats(body.updates).entries()) {
        const exact = expected[k] ?? Number.NaN
        const rounding = Math.max(Math.abs(exact) * 2 ** -24, 2 ** -150)
        assert.ok(
          Math.abs(u - exact) <= rounding + 1e-12 * norm,
          `step ${i + 1}, element ${k}: ${u}, Optax ${exact}`,
        )
      }
    }
  })
}
