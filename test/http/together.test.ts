import assert from 'node:assert/strict'
import { once } from 'node:events'
import { createServer, type ServerResponse } from 'node:http'
import { type AddressInfo, connect, type Socket } from 'node:net'
import { test } from 'node:test'
import { setImmediate as turn } from 'node:timers/promises'
import { type Gathering, together } from '../../server/http/together.ts'

const forever = 100_000

/** A server that notes how many requests are begun right after one another, and answers when it is told to. */
class Server {
  readonly #http = createServer((_request, response) => {
    if (this.#apart) {
      this.groups.push(0)
      this.#apart = false
      queueMicrotask(() => {
        this.#apart = true
      })
    }
    this.groups.push((this.groups.pop() ?? 0) + 1)
    this.#open.push(response)
  })
  readonly groups: number[] = []
  readonly #clients: Socket[] = []
  readonly #open: ServerResponse[] = []
  #apart = true

  constructor(gathering: Gathering) {
    together(this.#http, { span: forever, wait: forever, ...gathering })
  }

  async client(): Promise<Socket> {
    if (!this.#http.listening) await once(this.#http.listen(0, '127.0.0.1'), 'listening')
    const socket = connect((this.#http.address() as AddressInfo).port, '127.0.0.1')
    this.#clients.push(socket)
    return socket
  }

  /** A request of each that has come, and whatever is begun at once is begun. */
  async ask(...clients: readonly Socket[]): Promise<void> {
    let left = clients.length
    const came = new Promise<void>((resolve) => {
      const count = () => {
        if (--left > 0) return
        this.#http.off('request', count)
        resolve()
      }
      this.#http.on('request', count)
    })
    for (const client of clients) client.write('GET / HTTP/1.1\r\nHost: localhost\r\n\r\n')
    await came
    for (let k = 0; k < 4; k++) await turn()
  }

  /** Answer the first that were begun. */
  async answer(count = this.#open.length): Promise<void> {
    await Promise.all(
      this.#open.splice(0, count).map(async (response) => {
        response.end()
        await once(response, 'close')
      }),
    )
  }

  async stop(): Promise<void> {
    for (const client of this.#clients) client.destroy()
    this.#http.close()
    this.#http.closeAllConnections()
    await once(this.#http, 'close')
  }
}

async function on(gathering: Gathering, work: (server: Server, clients: Socket[]) => Promise<void>) {
  const server = new Server(gathering)
  try {
    const clients = [await server.client(), await server.client()]
    // Each has sent something lately.
    await server.ask(...clients)
    await server.answer()
    server.groups.length = 0
    await work(server, clients)
  } finally {
    await server.stop()
  }
}

test('on a busy server a request waits for those who send, too, and they are begun together', () =>
  on({ busy: () => true }, async (server, [one, other]) => {
    assert.ok(one && other)
    await server.ask(one)
    assert.deepEqual(server.groups, [])
    await server.ask(other)
    assert.deepEqual(server.groups, [2])
  }))

test('a request does not wait for those who wait for an answer themselves', () =>
  on({ busy: () => true }, async (server, [one, other]) => {
    assert.ok(one && other)
    await server.ask(one)
    await server.ask(other)
    await server.answer(1)
    await server.ask(one)
    assert.deepEqual(server.groups, [2, 1])
  }))

test('a request waits for no longer than it may', () =>
  on({ busy: () => true, wait: 1 }, async (server, [one]) => {
    assert.ok(one)
    await server.ask(one)
    while (server.groups.length === 0) await turn()
    assert.deepEqual(server.groups, [1])
  }))

test('on a quiet server no request waits', () =>
  on({ busy: () => false }, async (server, [one]) => {
    assert.ok(one)
    await server.ask(one)
    assert.deepEqual(server.groups, [1])
  }))

test('of many, eight are begun at a time', () =>
  on({ busy: () => true }, async (server) => {
    const clients = await Promise.all(Array.from({ length: 10 }, () => server.client()))
    await server.ask(...clients)
    assert.equal(server.groups[0], 8)
  }))
