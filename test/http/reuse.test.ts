import assert from 'node:assert/strict'
import { join } from 'node:path'
import { test } from 'node:test'
import { narrow } from '../../server/engines/dtypes.ts'
import { addKey } from '../../server/http/keys.ts'
import { inFolder, TestApp } from '../app.ts'
import { loadVectors, type Vector } from '../vectors/load.ts'

// Memory of the engine goes from one session to the next. What the next one is told must not depend on what was there.

const vectors = [...new Map(loadVectors().map((vector) => [vector.name.split('/')[0], vector])).values()]
const secret = Buffer.alloc(4 * 2 ** 17, 0x5a)
const large = { chain: 'adam(1.0)', tensors: [{ name: 'secret', shape: [2 ** 17] }] }

/** All that a tenant is told of a session, in bytes. */
async function told(app: TestApp, headers: Record<string, string>, vector: Vector): Promise<Buffer> {
  const { chain, tensors, params, gradients, losses } = vector
  await app.send('PUT', '/v1/sessions/mine', { chain, tensors, params: narrow(params, 'F32') }, headers)
  const answers = [await app.raw({ method: 'GET', url: '/v1/sessions/mine/state', headers })]
  for (const [i, dtype] of (['F32', 'BF16'] as const).entries()) {
    const grads = narrow(gradients[i] ?? new Float64Array(), 'F32')
    const body = { step: i + 1, grads, value: losses[i], want: { dtype, stats: true } }
    answers.push(await app.send('POST', '/v1/sessions/mine/steps', body, headers))
  }
  answers.push(await app.raw({ method: 'GET', url: '/v1/sessions/mine/state', headers }))
  answers.push(await app.raw({ method: 'GET', url: '/v1/sessions/mine/params', headers }))
  await app.send('DELETE', '/v1/sessions/mine', undefined, headers)
  for (const { status } of answers) assert.equal(status, 200)
  return Buffer.concat(answers.map(({ raw }) => raw))
}

/** Leaves memory full of one tenant's numbers behind. */
async function leave(app: TestApp, headers: Record<string, string>): Promise<void> {
  await app.send('PUT', '/v1/sessions/theirs', { ...large, params: secret }, headers)
  const { status } = await app.send('POST', '/v1/sessions/theirs/steps', { step: 1, grads: secret }, headers)
  assert.equal(status, 200)
  await app.send('DELETE', '/v1/sessions/theirs', undefined, headers)
}

test(`${vectors.length} chains tell the same in memory that another tenant has used`, () =>
  inFolder(async (folder) => {
    const keysFile = join(folder, 'keys.json')
    const [theirs, mine] = [
      { authorization: `Bearer ${await addKey(keysFile, 'a')}` },
      { authorization: `Bearer ${await addKey(keysFile, 'b')}` },
    ]
    const [clean, used] = [await TestApp.start({ keysFile }), await TestApp.start({ keysFile })]
    // Sessions that stay: so does the memory that they share with those that come and go.
    for (const app of [clean, used])
      await app.send(
        'PUT',
        '/v1/sessions/stays',
        { chain: 'adam(1.0)', tensors: [{ name: 'w', shape: [4] }] },
        theirs,
      )
    for (const vector of vectors) {
      await leave(used, theirs)
      const [expected, found] = [await told(clean, mine, vector), await told(used, mine, vector)]
      assert.ok(expected.equals(found), `${vector.name} tells other bytes`)
      assert.ok(!found.includes(secret.subarray(0, 16)), `${vector.name} tells bytes of another tenant`)
    }
    await clean.close()
    await used.close()
  }))
