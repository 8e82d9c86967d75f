import assert from 'node:assert/strict'
import { test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { ServerProcess } from './process.ts'

const tensors = [
  { name: 'dense', shape: [1000, 500] },
  { name: 'bias', shape: [500] },
]
const size = 500_500
const chain = 'chain(clip(1.0), centralize(), adamw(1e-3))'
const bytes = (step: number) =>
  new Uint8Array(Float32Array.from({ length: size }, (_, i) => Math.sin(step * 7919 + i)).buffer)
const kills = 4

class Client {
  server: ServerProcess

  constructor(server: ServerProcess) {
    this.server = server
  }

  async step(step: number): Promise<{ readonly replayed: boolean; readonly updates: Buffer }> {
    const body = { step, grads: bytes(step) }
    const answer = await this.server.send('POST', '/v1/sessions/run/steps', body)
    assert.equal(answer.status, 200, JSON.stringify(answer.body))
    return { replayed: answer.body.replayed === true, updates: Buffer.from(answer.body.updates as Buffer) }
  }

  async read(id: string): Promise<Buffer> {
    const answer = await fetch(`${this.server.url}/v1/sessions/${id}/state`)
    const file = Buffer.from(await answer.arrayBuffer())
    assert.equal(answer.status, 200, answer.ok ? '' : file.toString())
    return file
  }

  async put(id: string, file: Buffer, match?: number): Promise<{ status: number; step: number }> {
    const headers = {
      'content-type': 'application/octet-stream',
      ...(match === undefined ? {} : { 'if-match': `"${match}"` }),
    }
    const url = `${this.server.url}/v1/sessions/${id}/state`
    const answer = await fetch(url, { method: 'PUT', body: new Uint8Array(file), headers })
    const { step } = (await answer.json()) as { step: number }
    return { status: answer.status, step }
  }

  async at(id: string): Promise<{ readonly status: number; readonly step: unknown }> {
    const { status, body } = await this.server.send('GET', `/v1/sessions/${id}`)
    return { status, step: body.step }
  }
}

/**
 * State that is put while the server gets SIGKILL, at varying moments: the session is where it was, or where the file
 * has it, whole; the same request again settles it, and the steps from there are those of before.
 */
export function testRestoring(
  name: string,
  prepare: () => Promise<{ store: string; stop: () => Promise<void> }>,
): void {
  test(`${name}: a server killed while it takes state has taken all of it or nothing`, async () => {
    const { store, stop } = await prepare()
    const env = { STEPD_STORE: store, STEPD_ENGINE: 'wasm' }
    const client = new Client(await ServerProcess.start(env))
    const found = { cut: 0, before: 0, after: 0 }
    /** SIGKILL some time after the request was sent. */
    const cut = async (send: () => Promise<unknown>, ms: number) => {
      const answer = send().catch(() => undefined)
      await sleep(ms)
      await client.server.stop('SIGKILL')
      if ((await answer) === undefined) found.cut++
      client.server = await ServerProcess.start(env)
    }
    try {
      await client.server.send('PUT', '/v1/sessions/run', { chain, tensors, params: bytes(0) })
      const expected = [(await client.step(1)).updates, (await client.step(2)).updates]
      const early = await client.read('run')
      expected.push((await client.step(3)).updates, (await client.step(4)).updates)
      const late = await client.read('run')
      for (let i = 0; i < kills; i++) {
        await cut(() => client.put('run', early, 4), 10 + i * 20)
        const { step } = await client.at('run')
        if (step === 4) {
          found.before++
          assert.deepEqual(await client.step(4), { replayed: true, updates: expected[3] })
          assert.ok((await client.read('run')).equals(late), 'the state of before is another')
        } else found.after++
        assert.deepEqual(await client.put('run', early, 4), { status: 200, step: 2 })
        assert.ok((await client.read('run')).equals(early), 'the state that was put is another')
        for (const n of [3, 4])
          assert.deepEqual(await client.step(n), { replayed: false, updates: expected[n - 1] }, `step ${n}`)

        const id = `new-${i}`
        await cut(() => client.put(id, early), 10 + i * 20)
        const made = await client.at(id)
        if (made.step === 2) assert.ok((await client.read(id)).equals(early))
        else if (made.status === 200) {
          const body = { step: 1, grads: bytes(1) }
          const refused = await client.server.send('POST', `/v1/sessions/${id}/steps`, body)
          assert.equal(refused.body.code, 'missing_params')
        } else assert.equal(made.status, 404)
        assert.equal((await client.put(id, early)).step, 2)
        assert.ok((await client.read(id)).equals(early))
        await fetch(`${client.server.url}/v1/sessions/${id}`, { method: 'DELETE' })
      }
      // Or nothing of this was tested.
      assert.ok(found.cut > 0 && found.before > 0, JSON.stringify(found))
    } finally {
      await client.server.stop('SIGKILL')
      await stop()
    }
  })
}
