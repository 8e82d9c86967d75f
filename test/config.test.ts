import assert from 'node:assert/strict'
import { test } from 'node:test'
import { help, readConfig } from '../server/config.ts'

test('an empty environment gives the defaults', () => {
  const { host, port, store, engine, bodyLimit } = readConfig({ PATH: '/bin' })
  assert.deepEqual(
    { host, port, store, engine, bodyLimit },
    {
      host: '127.0.0.1',
      port: 8080,
      store: 'lmdb:./data',
      engine: 'auto',
      bodyLimit: 512 * 2 ** 20,
    },
  )
})

test('sizes are bytes, with or without a unit', () => {
  const limit = (text: string) => readConfig({ STEPD_BODY_LIMIT: text }).bodyLimit
  assert.equal(limit('1000'), 1000)
  assert.equal(limit('2 KiB'), 2048)
  assert.equal(limit('1GiB'), 2 ** 30)
})

test('origins are as browsers write them', () => {
  const origins = (text: string) => readConfig({ STEPD_CORS_ORIGINS: text }).corsOrigins
  assert.deepEqual(origins(''), [])
  const two = ['https://app.example', 'http://127.0.0.1:8081']
  assert.deepEqual(origins(two.join(',')), two)
  assert.deepEqual(origins(two.join(', ')), two)
  for (const text of [
    '*',
    'null',
    'app.example',
    'https://app.example/',
    'https://app.example:443',
    'file://',
  ])
    assert.throws(() => origins(text), /STEPD_CORS_ORIGINS is .*, expected origins, such as https/)
})

test('every setting that is wrong is named at once, with what would be right', () => {
  const wrong = { STEPD_PORT: '99999', STEPD_ENGINE: 'cuda', STEPD_BODY_LIMIT: '3 TB', STEPD_PROT: '1' }
  assert.throws(
    () => readConfig(wrong),
    (error: Error) => {
      assert.match(error.message, /STEPD_PORT is "99999", expected a whole number from 0 to 65535/)
      assert.match(error.message, /STEPD_ENGINE is "cuda", expected auto \| wasm \| tensorflow \| reference/)
      assert.match(error.message, /STEPD_BODY_LIMIT is "3 TB", expected bytes/)
      assert.match(error.message, /STEPD_PROT is no setting/)
      return true
    },
  )
})

test('help lists every setting with its default', () => {
  const text = help()
  for (const name of [
    'HOST',
    'PORT',
    'STORE',
    'REDIS_WAIT',
    'ENGINE',
    'BODY_LIMIT',
    'MEMORY_LIMIT',
    'LOG_LEVEL',
  ])
    assert.match(text, new RegExp(`STEPD_${name} [\\s\\S]*?default `))
})
