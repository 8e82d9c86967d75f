/**
 * How the client behaves when the way to the server is bad: a small server of node:http answers each request as
 * the case says. What the service itself answers is tested against the service.
 */
import assert from 'node:assert/strict'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { describe, it, type TestContext } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { Packr, Unpackr } from 'msgpackr'
import {
  adam,
  applyUpdates,
  ConnectionError,
  type ConnectOptions,
  centralize,
  chain,
  clip,
  connect,
  cosine_decay_schedule,
  type Session,
  StepdError,
} from '../../client/typescript/index.ts'

const packr = new Packr({ useRecords: false })
const unpackr = new Unpackr({ useRecords: false })

interface Seen {
  readonly method: string
  readonly path: string
  readonly headers: IncomingMessage['headers']
  readonly bytes: Buffer
  readonly at: number
}
type Answer = (response: ServerResponse, seen: Seen) => void

const reply =
  (body: unknown, status = 200): Answer =>
  (response) => {
    response.writeHead(status, { 'content-type': 'application/msgpack' }).end(packr.pack(body))
  }
const refuse =
  (status: number, code: string, more: object = {}, headers: Record<string, string> = {}): Answer =>
  (response) => {
    const problem = { type: 'about:blank', title: code, status, code, detail: `Detail of ${code}`, ...more }
    response.writeHead(status, { 'content-type': 'application/problem+json', ...headers })
    response.end(JSON.stringify(problem))
  }
const hangUp: Answer = (response) => response.destroy()
const breakOff: Answer = (response) => {
  response.writeHead(200, { 'content-type': 'application/msgpack', 'content-length': 1000 })
  response.write(Buffer.alloc(10), () => response.destroy())
}
const silent: Answer = () => {}

const opened = { id: 'run', step: 4, workers: 1, needs: { params: false, value: false } }
const stepped = (updates: unknown, replayed = false): Answer =>
  reply({ step: 5, updates, replayed, counted: true })
const floats = (...values: number[]): Buffer => Buffer.from(new Float32Array(values).buffer)

/** A server that gives the answers in turn, the last one for ever, and keeps what it was asked. */
async function serve(t: TestContext, ...answers: readonly Answer[]): Promise<{ url: string; seen: Seen[] }> {
  const seen: Seen[] = []
  const server = createServer(async (request, response) => {
    const chunks: Buffer[] = []
    for await (const chunk of request) chunks.push(chunk)
    const { method = '', url: path = '', headers } = request
    const one = { method, path, headers, bytes: Buffer.concat(chunks), at: performance.now() }
    seen.push(one)
    answers[Math.min(seen.length, answers.length) - 1]?.(response, one)
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  t.after(() => {
    server.closeAllConnections()
    server.close()
  })
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, seen }
}

const swift: ConnectOptions = { retry: { baseMs: 5, capMs: 20 } }

/** A session at step 4, and what the server saw after the opening. */
async function session(t: TestContext, options: ConnectOptions, ...answers: readonly Answer[]) {
  const { url, seen } = await serve(t, reply(opened, 201), ...answers)
  const run: Session = await connect(url, options).open('run', { chain: 'sgd(1.0)', tensors: [] })
  seen.length = 1
  return { run, url, steps: (): readonly Seen[] => seen.slice(1) }
}

const rejectsWith = (code: string) => (error: unknown) => error instanceof StepdError && error.code === code

describe('what is sent again', () => {
  const grads = new Float32Array([1, 2])
  const cases: readonly [string, Answer][] = [
    ['429', refuse(429, 'rate_limited')],
    ['503', refuse(503, 'overloaded')],
    ['503 step_open', refuse(503, 'step_open')],
    ['a connection closed before the answer', hangUp],
    ['a connection closed within the answer', breakOff],
  ]
  for (const [name, failure] of cases) {
    it(`a numbered step after ${name}: the same bytes, until it is answered`, async (t) => {
      const { run, steps } = await session(t, swift, failure, failure, stepped(floats(3, 4), true))
      const result = await run.step(grads)
      assert.deepEqual(result, { step: 5, updates: new Float32Array([3, 4]), replayed: true, counted: true })
      assert.equal(run.currentStep, 5)
      const [first, ...others] = steps()
      assert.equal(others.length, 2)
      for (const other of others) assert.deepEqual(other.bytes, first?.bytes)
    })
  }

  it('an open, a description, a page of sessions and an apply', async (t) => {
    const { url, seen } = await serve(
      t,
      ...[hangUp, reply(opened), hangUp, reply(opened), hangUp, reply({ sessions: [] }), hangUp],
      reply({ updates: floats(1) }),
    )
    const stepd = connect(url, swift)
    const run = await stepd.open('run')
    await run.describe()
    assert.deepEqual(await stepd.sessions({ prefix: 'a b', limit: 5 }), { sessions: [] })
    const applied = await stepd.apply({ chain: 'sgd(1.0)', tensors: [], grads: new Float32Array([1]) })
    assert.deepEqual(applied.updates, new Float32Array([1]))
    assert.deepEqual(
      seen.map(({ method, path }) => `${method} ${path}`),
      [
        'PUT /v1/sessions/run',
        'GET /v1/sessions/run',
        'GET /v1/sessions?prefix=a+b&limit=5',
        'POST /v1/apply',
      ].flatMap((request) => [request, request]),
    )
  })

  it('a DELETE, of which a 404 then says that the first was carried out', async (t) => {
    const { run, steps } = await session(t, swift, hangUp, refuse(404, 'session_not_found'))
    await run.delete()
    assert.equal(steps().length, 2)
  })
})

describe('what is not sent again', () => {
  for (const [status, code] of [
    [400, 'malformed_body'],
    [408, 'request_timeout'],
    [409, 'step_conflict'],
    [413, 'body_too_large'],
    [422, 'schema_mismatch'],
    [500, 'internal_error'],
  ] as const) {
    it(`a step answered ${status} ${code}`, async (t) => {
      const { run, steps } = await session(t, swift, refuse(status, code, { current_step: 7 }))
      await assert.rejects(run.step(new Float32Array(1)), (error) => {
        assert.ok(error instanceof StepdError)
        assert.deepEqual([error.status, error.code, error.detail], [status, code, `Detail of ${code}`])
        assert.equal(error.problem.current_step, 7)
        return true
      })
      assert.equal(steps().length, 1)
      assert.equal(run.currentStep, 4)
    })
  }

  it('a DELETE whose first answer is 404', async (t) => {
    const { run } = await session(t, swift, refuse(404, 'session_not_found'))
    await assert.rejects(run.delete(), rejectsWith('session_not_found'))
  })

  it('changed hyperparams: nothing numbers them', async (t) => {
    const broken = await session(t, swift, hangUp)
    await assert.rejects(broken.run.setHyperparams({ learning_rate: 1 }), ConnectionError)
    const busy = await session(t, swift, refuse(503, 'overloaded'))
    await assert.rejects(busy.run.setHyperparams({ learning_rate: 1 }), rejectsWith('overloaded'))
    assert.deepEqual([broken.steps().length, busy.steps().length], [1, 1])
  })

  it('an answer of something that is not stepd', async (t) => {
    const page: Answer = (response) =>
      response.writeHead(200, { 'content-type': 'text/html' }).end('<p>Hello')
    const { run } = await session(t, swift, page)
    await assert.rejects(
      run.step(new Float32Array(1)),
      /answered text\/html, expected application\/msgpack: <p>Hello/,
    )
  })
})

describe('how long', () => {
  const grads = new Float32Array(1)

  it('waits at least what Retry-After asks for', async (t) => {
    const busy = refuse(503, 'overloaded', {}, { 'retry-after': '1' })
    const { run, steps } = await session(t, swift, busy, stepped(floats(0)))
    await run.step(grads)
    const [first, second] = steps()
    assert.ok((second?.at ?? 0) - (first?.at ?? 0) >= 990)
  })

  it('gives up at once when Retry-After reaches beyond the time there is', async (t) => {
    const busy = refuse(503, 'overloaded', {}, { 'retry-after': '3600' })
    const { run, steps } = await session(t, swift, busy)
    await assert.rejects(run.step(grads), rejectsWith('overloaded'))
    assert.equal(steps().length, 1)
  })

  it('makes no more than the given attempts', async (t) => {
    const { run, steps } = await session(t, { retry: { attempts: 3, baseMs: 1 } }, hangUp)
    await assert.rejects(run.step(grads), ConnectionError)
    assert.equal(steps().length, 3)
  })

  it('takes no more than the given time, answered or not', async (t) => {
    const options = { retry: { attempts: 1000, baseMs: 10, capMs: 10, totalMs: 300 }, timeoutMs: 120 }
    for (const failure of [hangUp, silent]) {
      const { run } = await session(t, options, failure)
      const begin = performance.now()
      await assert.rejects(run.step(grads), ConnectionError)
      assert.ok(performance.now() - begin < 1500)
    }
  })

  it('takes an attempt without an answer for a broken connection', async (t) => {
    const { run, steps } = await session(t, { ...swift, timeoutMs: 100 }, silent, stepped(floats(0)))
    await run.step(grads)
    assert.equal(steps().length, 2)
  })

  it('says why there is no connection', async () => {
    const server = createServer()
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
    const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
    await new Promise((resolve) => server.close(resolve))
    await assert.rejects(connect(url, { retry: { attempts: 1 } }).open('run'), (error) => {
      assert.ok(error instanceof ConnectionError)
      assert.equal(error.message.startsWith(`Cannot PUT ${url}/v1/sessions/run: fetch failed: `), true)
      assert.match(error.message, /ECONNREFUSED/)
      return true
    })
  })
})

describe('aborting', () => {
  const reason = new Error('enough')
  for (const [name, answer] of [
    ['a request', silent],
    ['a wait', refuse(503, 'overloaded', {}, { 'retry-after': '30' })],
  ] as const) {
    it(`ends ${name} with the reason given, and the session can step again`, async (t) => {
      const { run, steps } = await session(t, swift, answer, stepped(floats(0)))
      const controller = new AbortController()
      const stepping = assert.rejects(run.step(new Float32Array(1), { signal: controller.signal }), reason)
      while (steps().length === 0) await sleep(1)
      // The answer that there is to wait for has come too by then.
      await sleep(60)
      controller.abort(reason)
      await stepping
      assert.equal(steps().length, 1)
      assert.equal((await run.step(new Float32Array(1))).step, 5)
    })
  }

  it('sends nothing once aborted', async (t) => {
    const { run, steps } = await session(t, swift, stepped(floats(0)))
    await assert.rejects(run.step(new Float32Array(1), { signal: AbortSignal.abort(reason) }), reason)
    assert.equal(steps().length, 0)
  })
})

describe('a session', () => {
  it('takes one step at a time', async (t) => {
    const late: Answer = (response, seen) => setTimeout(() => stepped(floats(0))(response, seen), 50)
    const { run } = await session(t, swift, late)
    const first = run.step(new Float32Array(1))
    await assert.rejects(
      run.step(new Float32Array(1)),
      /step 5 of session 'run' is under way, await it first/,
    )
    assert.equal((await first).step, 5)
  })

  it('takes over the step of its description', async (t) => {
    const { run } = await session(t, swift, reply({ ...opened, step: 9 }))
    await run.describe()
    assert.equal(run.currentStep, 9)
  })
})

describe('the wire', () => {
  const options = { hyperparams: { learning_rate: 0.5 }, value: 2.5, want: { stats: true } } as const

  it('carries plain msgpack, the key, and tensors as bin, packed or named', async (t) => {
    const { run, steps } = await session(
      t,
      { ...swift, key: 'secret' },
      stepped(floats(1, 2)),
      reply({ step: 6, updates: { b: floats(3), w: floats(4, 5) }, replayed: false, counted: true }),
    )
    await run.step(new Float32Array([9, 1, 2]).subarray(1), { ...options, params: new Float32Array([7, 8]) })
    const named = await run.step({ w: new Float32Array([1, 2]), b: new Float32Array([3]) })
    assert.deepEqual(named.updates, { b: new Float32Array([3]), w: new Float32Array([4, 5]) })
    const [packed, other] = steps()
    assert.equal(packed?.path, '/v1/sessions/run/steps')
    assert.equal(packed?.headers.authorization, 'Bearer secret')
    assert.equal(packed?.headers['content-type'], 'application/msgpack')
    assert.deepEqual(unpackr.unpack(packed?.bytes ?? Buffer.of()), {
      ...options,
      step: 5,
      grads: floats(1, 2),
      params: floats(7, 8),
    })
    assert.deepEqual(unpackr.unpack(other?.bytes ?? Buffer.of()), {
      step: 6,
      grads: { w: floats(1, 2), b: floats(3) },
    })
  })

  it('gives the tensors of an answer wherever they lie in it', async (t) => {
    for (const pad of ['', 'a', 'ab', 'abc']) {
      const { run } = await session(t, swift, reply({ step: 5, pad, updates: floats(1, -2, 3) }))
      assert.deepEqual((await run.step(new Float32Array(3))).updates, new Float32Array([1, -2, 3]))
    }
  })

  it('gives parameters where they are wanted', async (t) => {
    const { run } = await session(t, swift, reply({ step: 5, params: floats(6) }))
    assert.deepEqual(
      (await run.step(new Float32Array(1), { want: { of: 'params' } })).params,
      new Float32Array([6]),
    )
  })

  it('carries a chain of the builders as a tree', async (t) => {
    const { url, seen } = await serve(t, reply(opened, 201))
    const rate = cosine_decay_schedule(1e-3, 100, { alpha: 0.1 })
    await connect(`${url}/`).open('run', {
      chain: chain(clip(1), centralize(), adam(rate, { b1: 0.8 }), adam({ learning_rate: 1 })),
      tensors: [{ name: 'w', shape: [2] }],
      params: { w: new Float32Array([1, 2]) },
    })
    assert.equal(seen[0]?.path, '/v1/sessions/run')
    assert.deepEqual(unpackr.unpack(seen[0]?.bytes ?? Buffer.of()), {
      chain: {
        name: 'chain',
        args: {
          transforms: [
            { name: 'clip', args: { max_delta: 1 } },
            { name: 'centralize', args: {} },
            {
              name: 'adam',
              args: {
                learning_rate: {
                  name: 'cosine_decay_schedule',
                  args: { init_value: 1e-3, decay_steps: 100, alpha: 0.1 },
                },
                b1: 0.8,
              },
            },
            { name: 'adam', args: { learning_rate: 1 } },
          ],
        },
      },
      tensors: [{ name: 'w', shape: [2] }],
      params: { w: floats(1, 2) },
    })
  })
})

describe('what is refused before it is sent', () => {
  // Programs in JavaScript can give what the types forbid.
  const given = (value: unknown) => value as Float32Array
  const cases: readonly [unknown, RegExp][] = [
    [
      [1, 2],
      /^Cannot send grads: given Array, expected a Float32Array or an object of Float32Arrays by name$/,
    ],
    [undefined, /^Cannot send grads: given undefined, expected a Float32Array or an object/],
    [null, /^Cannot send grads: given null, /],
    [2, /^Cannot send grads: given Number, /],
    [new Float64Array(2), /^Cannot send grads: given Float64Array, /],
    [new Map([['w', new Float32Array(2)]]), /^Cannot send grads: given Map, /],
    [{ w: [1, 2] }, /^Cannot send grads\.w: given Array, expected a Float32Array$/],
    [
      { w: new Float32Array(2), b: undefined },
      /^Cannot send grads\.b: given undefined, expected a Float32Array$/,
    ],
  ]
  for (const [grads, message] of cases) {
    it(`gradients of which ${message.source.slice(1)}`, async (t) => {
      const { run, steps } = await session(t, swift, stepped(floats(0)))
      await assert.rejects(run.step(given(grads)), { name: 'TypeError', message })
      assert.equal(steps().length, 0)
      assert.equal((await run.step(new Float32Array(1))).step, 5)
    })
  }

  it('parameters and gradients of a step, an open and an apply', async (t) => {
    const { run, url, steps } = await session(t, swift, stepped(floats(0)))
    const stepd = connect(url)
    const one = new Float32Array(1)
    const params = given([1])
    const spec = { chain: 'sgd(1.0)', tensors: [] }
    const refused = { name: 'TypeError', message: /^Cannot send params: given Array, / }
    await assert.rejects(run.step(one, { params }), refused)
    await assert.rejects(stepd.open('other', { ...spec, params }), refused)
    await assert.rejects(stepd.apply({ ...spec, params, grads: one }), refused)
    await assert.rejects(
      stepd.apply({ ...spec, grads: params }),
      /^TypeError: Cannot send grads: given Array, /,
    )
    assert.equal(steps().length, 0)
  })

  it('an address that is none of http', () => {
    for (const url of ['127.0.0.1:8080', 'localhost:8080', 'ftp://localhost', '']) {
      const message = `Cannot connect to '${url}': expected http://… or https://…, as http://127.0.0.1:8080`
      assert.throws(() => connect(url), { name: 'TypeError', message })
    }
  })
})

describe('applyUpdates', () => {
  it('adds in place, packed or named', () => {
    const packed = new Float32Array([1, 2])
    applyUpdates(packed, new Float32Array([10, 20]))
    assert.deepEqual(packed, new Float32Array([11, 22]))
    const named = { a: new Float32Array([1]), b: new Float32Array([2]) }
    applyUpdates(named, { b: new Float32Array([1]) })
    assert.deepEqual(named, { a: new Float32Array([1]), b: new Float32Array([3]) })
  })

  it('refuses what does not fit', () => {
    const two = new Float32Array(2)
    assert.throws(
      () => applyUpdates(two, new Float32Array(3)),
      /3 updates for 2 parameters, expected as many/,
    )
    assert.throws(
      () => applyUpdates({ w: two }, { v: two }),
      /Cannot apply updates to v: 2 updates for 0 parameters/,
    )
    assert.throws(() => applyUpdates(two, { w: two }), /both be packed or both be named/)
  })
})
