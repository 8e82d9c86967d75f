import assert from 'node:assert/strict'
import { once } from 'node:events'
import { type AddressInfo, connect } from 'node:net'
import { test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { Packr } from 'msgpackr'
import { TestApp } from '../app.ts'

const packr = new Packr({ useRecords: false })
setFlagsFromString('--expose-gc')
const collect = runInNewContext('gc') as () => void

/** Bytes of buffers that somebody can reach. */
async function reachable(): Promise<number> {
  for (let i = 0; i < 3; i++) {
    await sleep(20)
    collect()
  }
  return process.memoryUsage().arrayBuffers
}

test('a body is held by nobody once its request is answered', async () => {
  const app = await TestApp.start({ engine: 'wasm' })
  try {
    await app.server.listen({ port: 0, host: '127.0.0.1' })
    const { port } = app.server.server.address() as AddressInfo
    const n = 2 ** 22
    const grads = new Uint8Array(4 * n)
    const body = packr.pack({ chain: 'sgd(1.0)', tensors: [{ name: 'w', shape: [n] }], grads })
    const apply = async () => {
      const socket = connect(port, '127.0.0.1')
      const head = 'POST /v1/apply HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/msgpack\r\n'
      socket.write(`${head}Content-Length: ${body.length}\r\nConnection: close\r\n\r\n`)
      socket.write(body)
      const [first] = await once(socket, 'data')
      assert.match(String(first), /^HTTP\/1\.1 200 /)
      await once(socket.resume(), 'close')
    }
    const before = await reachable()
    await apply()
    const held = (await reachable()) - before
    assert.ok(held < n, `${held} bytes are held after a body of ${body.length}`)
  } finally {
    await app.close()
  }
})
