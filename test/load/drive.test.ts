import assert from 'node:assert/strict'
import { once } from 'node:events'
import { readFile } from 'node:fs/promises'
import { createServer, type ServerResponse } from 'node:http'
import { createServer as createTlsServer } from 'node:https'
import type { AddressInfo } from 'node:net'
import { describe, it, type TestContext } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { NumberedBody } from '../../load/drive/bodies.ts'
import { drive } from '../../load/drive/drive.ts'
import { evenly, inBursts, together } from '../../load/drive/schedule.ts'
import { LeanStream, type Stream } from '../../load/drive/stream.ts'
import { Wire } from '../../load/drive/wire.ts'
import { Course } from '../../load/measure/course.ts'
import { Steal, ticksIn } from '../../load/measure/steal.ts'
import { Target } from '../../load/target.ts'
import { inFolder, TestApp } from '../app.ts'
import { certificate } from '../certificate.ts'

const upTo = (times: Iterable<number>, end: number): number[] => {
  const found: number[] = []
  for (const time of times) {
    if (time >= end) return found
    found.push(Number(time.toFixed(6)))
  }
  return found
}

describe('steal', () => {
  const over = async (each: number, share: (look: number) => number, behind = (_look: number) => false) => {
    let [looks, steal] = [0, 0]
    const read = () => {
      steal += 1000 * share(looks)
      return { steal, all: 1000 * looks++ }
    }
    const watch = new Steal(each, { read, behind: () => behind(looks - 1) })
    while (looks < 9) await sleep(1000 * each)
    watch.stop()
    return watch
  }

  it('is in the eighth column of the first line', () => {
    const stat = 'cpu  10 1 20 300 4 5 6 54 7 8\ncpu0 1 1 1 1 1 1 1 1 1 1\n'
    assert.deepEqual(ticksIn(stat), { steal: 54, all: 400 })
  })

  it('is told of each slice, and a slice is spared where it and the one before are', async () => {
    const none = await over(0.04, () => 0)
    assert.deepEqual([none.share, none.spared(0), none.spared(3)], [0, true, true])

    const once = await over(0.04, (look) => (look === 2 ? 0.5 : 0))
    const taken = once.percent().map(([, percent]) => percent)
    assert.ok(once.share > 0 && taken.filter((percent) => percent > 0).length >= 1, `${taken}`)
    const at = taken.findIndex((percent) => percent > 0)
    const end = taken.findLastIndex((percent) => percent > 0)
    assert.equal(taken[at], 50)
    assert.deepEqual(
      [at - 1, at, end, end + 1, end + 2].map((i) => once.spared(i)),
      [true, false, false, false, true],
    )

    // Until nothing waits that was due then; what waits for another reason is the server's.
    const late = await over(
      0.04,
      (look) => (look === 1 ? 0.5 : 0),
      (look) => look < 4,
    )
    const spared = late.percent().map((_, i) => late.spared(i))
    assert.ok(spared.lastIndexOf(false) > spared.indexOf(false) + 1 && spared.at(-1), `${spared}`)
    const own = await over(
      0.04,
      () => 0,
      () => true,
    )
    assert.ok(own.spared(2))
    assert.ok(!own.spared(own.percent().length), 'a slice that is not over')
  })
})

describe('a course', () => {
  it('has all that ended in it, or what ended in some of its slices', () => {
    const course = new Course(0.5)
    for (const [at, ms] of [
      [0.1, 1],
      [0.6, 100],
      [1.2, 1],
    ] as const)
      course.record(at, ms)
    assert.equal(course.whole().count, 3)
    assert.equal(course.whole((slice) => slice !== 1).count, 2)
  })
})

describe('schedules', () => {
  it('share a rate evenly among streams, one after the other', () => {
    const schedule = evenly(4, 8)
    assert.deepEqual(upTo(schedule(0), 1.5), [0.0625, 0.5625, 1.0625])
    const all = [0, 1, 2, 3].flatMap((stream) => upTo(schedule(stream), 10)).sort((a, b) => a - b)
    assert.equal(all.length, 80)
    assert.ok(all.every((time, i) => i === 0 || Math.abs(time - (all[i - 1] ?? 0) - 0.125) < 1e-6))
  })

  it('have bursts in order with the rest', () => {
    const schedule = inBursts(2, 2, { every: 2, steps: 5 })
    const [first, second] = [upTo(schedule(0), 4), upTo(schedule(1), 4)]
    assert.deepEqual(first, [0.25, 1.25, 2, 2, 2, 2.25, 3.25])
    assert.deepEqual(second, [0.75, 1.75, 2, 2, 2.75, 3.75])
  })

  it('bring the workers of a session together', () => {
    const schedule = together(2, 3, 4)
    for (const stream of [1, 2]) assert.deepEqual(upTo(schedule(stream), 3), upTo(schedule(0), 3))
    assert.notDeepEqual(upTo(schedule(3), 3), upTo(schedule(0), 3))
  })
})

describe('an open loop', () => {
  it('counts what a stall holds up for every step that was due meanwhile', async () => {
    let sent = 0
    const stalling: Pick<Stream, 'send' | 'owes'> = {
      owes: false,
      async send() {
        sent += 1
        if (sent === 10) await sleep(500)
        return 'compute;dur=2.000, commit;dur=1.000'
      },
    }
    const driven = await drive([stalling as Stream], { seconds: 1.5, schedule: evenly(1, 100) })
    const whole = driven.course.whole()
    assert.equal(whole.count, 150)
    // 50 of 150 steps were due while one took 500 ms: a closed loop would have seen a single slow one.
    assert.ok(whole.quantile(0.75) > 50, `p75 ${whole.quantile(0.75)}`)
    assert.ok(whole.max >= 495, `max ${whole.max}`)
    assert.equal(driven.stages.mean('compute'), 2)
  })

  it('takes a stream that fails for an error each, and goes on', async () => {
    let sent = 0
    const failing: Pick<Stream, 'send' | 'owes'> = {
      owes: false,
      async send() {
        sent += 1
        if (sent % 2 === 0) throw new Error('503 overloaded')
        return undefined
      },
    }
    const { errors, course } = await drive([failing as Stream], { seconds: 0.5, schedule: evenly(1, 40) })
    assert.deepEqual([...errors], [['503 overloaded', 10]])
    assert.equal(course.whole().count, 10)
  })
})

describe('the wire', () => {
  /** Answers in pieces, a byte in each packet at worst. */
  const serve = async (t: TestContext, answer: (response: ServerResponse) => void) => {
    const server = createServer((request, response) => {
      request.resume().on('end', () => answer(response))
    })
    await once(server.listen(0, '127.0.0.1'), 'listening')
    const wire = new Wire(new Target(`http://127.0.0.1:${(server.address() as AddressInfo).port}`))
    t.after(() => {
      wire.close()
      server.close()
    })
    return wire
  }

  it('finds the end of answers in chunks, whose bytes look like ends', async (t) => {
    const wire = await serve(t, async (response) => {
      response.setHeader('server-timing', 'read;dur=1.000')
      response.socket?.setNoDelay(true)
      for (const part of ['0\r\n\r\n', 'a'.repeat(300), '0\r\n\r\n0\r\n\r\n', '\r\n']) {
        response.write(part)
        await sleep(1)
      }
      response.end()
    })
    for (let k = 0; k < 5; k++) assert.equal(await wire.post('/', Buffer.alloc(10)), 'read;dur=1.000')
  })

  it('says the code of a refusal, and that a connection broke', async (t) => {
    let count = 0
    const wire = await serve(t, (response) => {
      count += 1
      if (count === 2) return void response.socket?.destroy()
      response.writeHead(503).end('{"status":503,"code":"overloaded"}')
    })
    await assert.rejects(wire.post('/', Buffer.alloc(10)), /^Error: 503 overloaded$/)
    await assert.rejects(wire.post('/', Buffer.alloc(10)), /closed before the answer|ECONNRESET/)
    await assert.rejects(wire.post('/', Buffer.alloc(10)), /503 overloaded/)
    wire.close()
    const nobody = new Wire(new Target('http://127.0.0.1:1'))
    await assert.rejects(nobody.post('/', Buffer.alloc(10)), /ECONNREFUSED/)
  })
})

describe('the wire over TLS', () => {
  it('finds the end of large answers, and that the server closed', () =>
    inFolder(async (folder) => {
      const { tlsCert, tlsKey } = await certificate(folder, 'localhost')
      const [cert, key] = [await readFile(tlsCert), await readFile(tlsKey)]
      let came = 0
      const server = createTlsServer({ cert, key }, (request, response) => {
        request.on('data', (chunk: Buffer) => {
          came += chunk.length
        })
        request.on('end', () => response.setHeader('server-timing', 'read;dur=1').end(Buffer.alloc(3e6)))
      })
      await once(server.listen(0, '127.0.0.1'), 'listening')
      const wire = new Wire(new Target(`https://localhost:${(server.address() as AddressInfo).port}`))
      // It signed itself.
      process.env.NODE_TLS_REJECT_UNAUTHORIZED = '0'
      try {
        for (let k = 0; k < 3; k++) assert.equal(await wire.post('/', Buffer.alloc(2e6)), 'read;dur=1')
        assert.equal(came, 6e6)
        const asked = wire.post('/', Buffer.alloc(2e6))
        server.closeAllConnections()
        await assert.rejects(asked, /closed before the answer|ECONNRESET|EPIPE/)
      } finally {
        delete process.env.NODE_TLS_REJECT_UNAUTHORIZED
        wire.close()
        server.close()
      }
    }))
})

describe('steps of the generator', () => {
  it('are numbered in place', () => {
    const body = new NumberedBody(4)
    const [one, two] = [Buffer.from(body.for(1)), Buffer.from(body.for(300))]
    assert.equal(one.length, two.length)
    assert.notDeepEqual(one, two)
  })

  it('are those of one worker and of eight, and each is counted once', async () => {
    const app = await TestApp.start({ store: 'memory:' })
    try {
      const target = new Target(await app.server.listen({ host: '127.0.0.1', port: 0 }))
      const spec = { chain: 'adam(1e-3)', tensors: [{ name: 'w', shape: [64] }] }
      const wire = new Wire(target)
      const [single] = await target.open(1, spec)
      const [shared] = await target.open(1, { ...spec, workers: 8 })
      assert.ok(single && shared)
      const round = { sent: 0 }
      const workers = Array.from(
        { length: 8 },
        (_, i) => new LeanStream(wire, shared, 64, { name: `worker-${i}`, round }),
      )
      const streams = [new LeanStream(wire, single, 64), ...workers]
      const { errors, stages } = await drive(streams, { seconds: 0.5 })
      assert.deepEqual([...errors], [])
      for (const stream of streams) assert.equal((await stream.session.describe()).step, stream.acknowledged)
      assert.ok(single.currentStep >= 3 && shared.currentStep >= 3)
      assert.ok(stages.mean('compute') > 0 && stages.mean('wait') > 0)
      await target.forget([single, shared])
      assert.deepEqual((await target.client.sessions()).sessions, [])
      wire.close()
    } finally {
      await app.close()
    }
  })
})
