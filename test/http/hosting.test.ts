import assert from 'node:assert/strict'
import { readFile, writeFile } from 'node:fs/promises'
import { get } from 'node:https'
import { type AddressInfo, connect, type Socket } from 'node:net'
import { join } from 'node:path'
import { test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import type { TLSSocket } from 'node:tls'
import { gzipSync } from 'node:zlib'
import { addKey } from '../../server/http/keys.ts'
import { inFolder, TestApp } from '../app.ts'
import { certificate } from '../certificate.ts'
import { startRedis } from '../redis.ts'

test('TLS by configuration, and a new certificate without a stop', () =>
  inFolder(async (folder) => {
    const tls = await certificate(folder, 'first')
    await assert.rejects(TestApp.start({ ...tls, tlsKey: '' }), /go together/)
    const app = await TestApp.start(tls)
    await app.server.listen({ port: 0, host: '127.0.0.1' })
    const { port } = app.server.server.address() as AddressInfo
    const ask = async () => {
      const ca = await readFile(tls.tlsCert)
      return new Promise<string>((resolve, reject) => {
        const options = {
          port,
          host: '127.0.0.1',
          servername: 'localhost',
          path: '/readyz',
          ca,
          agent: false,
        }
        get(options, (response) => {
          assert.equal(response.statusCode, 200)
          const { subject } = (response.socket as TLSSocket).getPeerCertificate()
          response.resume().on('end', () => resolve(String(subject.CN)))
        }).on('error', reject)
      })
    }
    assert.equal(await ask(), 'first')
    await certificate(folder, 'second')
    await app.server.reload()
    assert.equal(await ask(), 'second')
    await app.close()
  }))

test('servers on one Redis count the requests of a tenant together', () =>
  inFolder(async (folder) => {
    const redis = await startRedis()
    const keysFile = join(folder, 'keys.json')
    const headers = { authorization: `Bearer ${await addKey(keysFile, 'a')}` }
    const content = JSON.parse(await readFile(keysFile, 'utf8'))
    content.tenants.a.requests_per_s = 20
    await writeFile(keysFile, JSON.stringify(content))
    const config = { keysFile, store: redis.url }
    const servers = [await TestApp.start(config), await TestApp.start(config)]
    try {
      await sleep(200)
      const answers = await Promise.all(
        servers.flatMap((app) =>
          Array.from({ length: 20 }, () => app.raw({ method: 'GET', url: '/v1/chains/none', headers })),
        ),
      )
      const taken = answers.filter(({ status }) => status === 404).length
      assert.ok(taken >= 20 && taken < 36, `${taken} of 40 were taken`)
      assert.ok(answers.every(({ status }) => status === 404 || status === 429))
    } finally {
      for (const app of servers) await app.close()
      await redis.stop()
    }
  }))

test('hostile clients end as documented, and another tenant hardly sees them', { timeout: 120_000 }, () =>
  inFolder(async (folder) => {
    const keysFile = join(folder, 'keys.json')
    const [bad, good] = [await addKey(keysFile, 'bad'), await addKey(keysFile, 'good')]
    const content = JSON.parse(await readFile(keysFile, 'utf8'))
    Object.assign(content.tenants.bad, { sessions: 100, requests_per_s: 1000 })
    await writeFile(keysFile, JSON.stringify(content))
    const limits = { bodyLimit: 2 ** 24, stallTimeout: 1500, requestTimeout: 4000 }
    const app = await TestApp.start({ keysFile, ...limits })
    await app.server.listen({ port: 0, host: '127.0.0.1' })
    const { port } = app.server.server.address() as AddressInfo
    const head = (...more: string[]) =>
      [
        'POST /v1/apply HTTP/1.1',
        'Host: localhost',
        `Authorization: Bearer ${bad}`,
        'Content-Type: application/msgpack',
        ...more,
        '\r\n',
      ].join('\r\n')
    const answerTo = (begun: string | Buffer) => {
      const socket = connect(port, '127.0.0.1')
      return { socket, answer: statusOf(socket, begun) }
    }
    const asGood = { authorization: `Bearer ${good}` }
    const wait = async () => {
      const since = performance.now()
      assert.equal((await app.send('GET', '/v1/chains', undefined, asGood)).status, 200)
      return performance.now() - since
    }
    let trickle: NodeJS.Timeout | undefined
    try {
      // Bodies that hardly come, of 500 connections: each is let go.
      const slow = Array.from({ length: 500 }, () => answerTo(head('Content-Length: 1000000')))
      trickle = setInterval(() => {
        for (const { socket } of slow) if (socket.writable) socket.write('x')
      }, 500)
      // A gigabyte of nothing in a megabyte, and 4 GiB that are only announced.
      const bomb = gzipSync(Buffer.alloc(2 ** 26))
      const bombs = Array.from({ length: 8 }, () =>
        answerTo(
          Buffer.concat([
            Buffer.from(head(`Content-Length: ${bomb.length}`, 'Content-Encoding: gzip')),
            bomb,
          ]),
        ),
      )
      // Before the opens, which use up what the tenant may ask in a second.
      assert.equal(await answerTo(head('Content-Length: 4294967296')).answer, 413)
      const open = { chain: 'sgd(1.0)', tensors: [{ name: 'w', shape: [2] }] }
      const asBad = { authorization: `Bearer ${bad}` }
      const greedy = (async () => {
        const counts = new Map<string, number>()
        for (let k = 0; k < 40; k++) {
          const put = (i: number) => app.send('PUT', `/v1/sessions/s${k * 50 + i}`, open, asBad)
          for (const { status, body } of await Promise.all(Array.from({ length: 50 }, (_, i) => put(i)))) {
            const what = `${status} ${body.code ?? ''}`
            counts.set(what, (counts.get(what) ?? 0) + 1)
          }
        }
        return counts
      })()
      const waits: number[] = []
      for (let i = 0; i < 50; i++) {
        waits.push(await wait())
        await sleep(20)
      }
      const counts = await greedy
      assert.equal(counts.get('201 '), 100)
      assert.ok((counts.get('403 quota_exceeded') ?? 0) > 0)
      assert.deepEqual(
        [...counts.keys()].filter((what) => !/^(201 |403 quota_exceeded|429 rate_limited)$/.test(what)),
        [],
      )
      for (const status of await Promise.all(bombs.map(({ answer }) => answer)))
        assert.ok([413, 429].includes(status), `a bomb ended in ${status}`)
      const ends = await Promise.all(slow.map(({ answer }) => answer))
      for (const status of ends) assert.ok([408, 429].includes(status), `a slow one ended in ${status}`)
      assert.ok(ends.includes(408))
      const { raw } = await app.raw({ method: 'GET', url: '/healthz' })
      assert.ok(raw.length > 0)
      waits.sort((a, b) => a - b)
      assert.ok((waits[47] ?? Infinity) < 1000, `the others waited for ${waits[47]} ms`)
    } finally {
      clearInterval(trickle)
      await app.close()
    }
  }),
)

/** Of the answer, which may come while it is still sent to; 0 where there is none. */
function statusOf(socket: Socket, begun: string | Buffer): Promise<number> {
  return new Promise((resolve) => {
    let got = ''
    socket.on('data', (data) => {
      got += data.toString('latin1')
      if (got.includes('\r\n\r\n')) socket.destroy()
    })
    socket.on('error', () => {})
    socket.on('close', () => resolve(Number(got.split(' ')[1] ?? 0)))
    socket.write(begun)
  })
}
