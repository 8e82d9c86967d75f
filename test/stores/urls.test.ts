import assert from 'node:assert/strict'
import { it } from 'node:test'
import { openStore } from '../../server/stores/index.ts'
import { parseHosts, placeOf } from '../../server/stores/redis/urls.ts'

it('urls name several hosts, with what each kind has by default', () => {
  assert.deepEqual(parseHosts('redis-sentinel://me:p%40ss@a,[::1]:5,c:26000/steps/2?tls'), {
    nodes: [
      { host: 'a', port: 26379 },
      { host: '::1', port: 5 },
      { host: 'c', port: 26000 },
    ],
    auth: { username: 'me', password: 'p@ss' },
    path: 'steps/2',
    tls: true,
  })
  const cluster = { nodes: [{ host: 'a', port: 6379 }], auth: {}, path: '', tls: false }
  assert.deepEqual(parseHosts('redis-cluster://a'), cluster)
})

it('urls that cannot be meant are refused, without their password', async () => {
  const refused = (url: string, message: RegExp, replicas = 0) =>
    assert.rejects(openStore(url, { replicas }), (error: Error) => {
      assert.match(error.message, message)
      assert.doesNotMatch(error.message, /secret/)
      return true
    })
  await refused(
    'redis-sentinel://:secret@a,b',
    /master's name from redis-sentinel:\/\/a,b: expected one like/,
  )
  await refused('redis-sentinel://:secret@a/steps/x', /database "x" of redis-sentinel:\/\/a\/steps\/x/)
  await refused('redis-cluster://:secret@a,,b', /nodes of redis-cluster from "a,,b"/)
  await refused('memory:', /wait for 2 replicas of a store in memory: it has none/, 2)
  assert.equal(placeOf('redis://me:secret@a/1?x'), 'redis://a/1')
})
