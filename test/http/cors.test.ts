import assert from 'node:assert/strict'
import { join } from 'node:path'
import { test } from 'node:test'
import { addKey } from '../../server/http/keys.ts'
import { type Answer, inFolder, TestApp } from '../app.ts'

const origin = 'https://app.example'
const url = '/v1/sessions/s/steps'

const preflight = (app: TestApp, from: string, method = 'POST', path = url): Promise<Answer> =>
  app.raw({
    method: 'OPTIONS',
    url: path,
    headers: {
      origin: from,
      'access-control-request-method': method,
      'access-control-request-headers': 'authorization,content-type',
    },
  })

const granted = ({ headers }: Answer): unknown => headers['access-control-allow-origin']
const list = (value: unknown): readonly string[] => String(value).toLowerCase().split(', ')

test('a page of a listed origin may ask, send and read what clients need, with keys too', () =>
  inFolder(async (folder) => {
    const keysFile = join(folder, 'keys.json')
    await addKey(keysFile, 'a')
    const app = await TestApp.start({ keysFile, corsOrigins: ['https://other.example', origin] })
    // Browsers ask without the key.
    for (const method of ['PUT', 'POST', 'PATCH', 'DELETE', 'GET', 'HEAD']) {
      const answer = await preflight(app, origin, method)
      assert.equal(answer.status, 204)
      assert.equal(granted(answer), origin)
      assert.equal(answer.raw.length, 0)
      assert.ok(list(answer.headers['access-control-allow-methods']).includes(method.toLowerCase()))
      const headers = list(answer.headers['access-control-allow-headers'])
      for (const name of ['authorization', 'content-type', 'if-match', 'content-encoding'])
        assert.ok(headers.includes(name), name)
    }
    // A refusal can be read too.
    const refused = await app.raw({ method: 'GET', url: '/v1/sessions', headers: { origin } })
    assert.equal(refused.status, 401)
    for (const answer of [refused, await app.raw({ method: 'GET', url: '/nowhere', headers: { origin } })]) {
      assert.equal(granted(answer), origin)
      assert.equal(answer.headers.vary, 'origin')
      assert.deepEqual(list(answer.headers['access-control-expose-headers']), [
        'etag',
        'retry-after',
        'server-timing',
        'x-request-id',
      ])
    }
    await app.close()
  }))

test('a page of another origin is told nothing', async () => {
  const near = [
    'https://evil.example',
    'http://app.example',
    `${origin}:8443`,
    `${origin}.evil.example`,
    'null',
  ]
  for (const corsOrigins of [[origin], []]) {
    const app = await TestApp.start({ corsOrigins })
    for (const from of corsOrigins.length > 0 ? near : [...near, origin]) {
      const answer = await preflight(app, from)
      assert.equal(answer.status, 403)
      assert.equal(answer.body.code, 'forbidden')
      assert.ok(answer.body.detail.includes(from) && answer.body.detail.includes('STEPD_CORS_ORIGINS'))
      const read = await app.raw({ method: 'GET', url: '/v1/sessions', headers: { origin: from } })
      assert.equal(read.status, 200)
      for (const { headers } of [answer, read])
        assert.deepEqual(
          Object.keys(headers).filter((name) => name.startsWith('access-control-')),
          [],
        )
      // A cache must not give one page what another was told.
      assert.equal(read.headers.vary, corsOrigins.length > 0 ? 'origin' : undefined)
    }
    await app.close()
  }
})

test('what is no preflight is no business of this: OPTIONS is a method that is not allowed', async () => {
  const app = await TestApp.start({ corsOrigins: [origin] })
  const answer = await app.raw({ method: 'OPTIONS', url, headers: { origin } })
  assert.equal(answer.status, 405)
  assert.equal(granted(answer), origin)
  await app.close()
})
