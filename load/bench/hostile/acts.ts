import { connect, type Socket } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import { gzipSync } from 'node:zlib'
import { Packr } from 'msgpackr'

const packr = new Packr({ useRecords: false })

/** Where it is done, and with whose key. */
export interface Mark {
  readonly port: number
  readonly key: string
}

/** Do it for so many milliseconds, and tell of each answer's status; 0 where there was none. */
export type Act = (mark: Mark, ms: number, tell: (status: number) => void) => Promise<void>

const head = ({ key }: Mark, request: string, length: number, ...more: string[]): string =>
  [
    `${request} HTTP/1.1`,
    'Host: localhost',
    `Authorization: Bearer ${key}`,
    'Content-Type: application/msgpack',
    `Content-Length: ${length}`,
    ...more,
    '\r\n',
  ].join('\r\n')

const apply = 'POST /v1/apply'

/** Bodies of 500 connections that come by a byte every half a second, and begin again when they are let go. */
const slow: Act = (mark, ms, tell) =>
  many(500, ms, async (left) => {
    const socket = connect(mark.port, '127.0.0.1')
    const status = statusOf(socket)
    socket.write(head(mark, apply, 1_000_000))
    const trickle = setInterval(() => socket.write('x'), 500)
    const timer = setTimeout(() => socket.destroy(), left)
    tell(await status)
    clearInterval(trickle)
    clearTimeout(timer)
    socket.destroy()
  })

/** A GiB of nothing in a MiB, by eight at a time. */
const bombs: Act = async (mark, ms, tell) => {
  const bomb = gzipSync(Buffer.alloc(2 ** 30), { level: 9 })
  await many(8, ms, async () => {
    const socket = connect(mark.port, '127.0.0.1')
    const status = statusOf(socket)
    socket.write(head(mark, apply, bomb.length, 'Content-Encoding: gzip', 'Connection: close'))
    socket.write(bomb)
    tell(await status)
  })
}

/** 4 GiB that are only announced, by eight at a time. */
const announced: Act = (mark, ms, tell) =>
  many(8, ms, async () => {
    const socket = connect(mark.port, '127.0.0.1')
    const status = statusOf(socket)
    socket.write(head(mark, apply, 2 ** 32))
    tell(await status)
    socket.destroy()
  })

/** 10 000 sessions, sixteen at a time: as fast as they are opened, and then no more. */
const sessions: Act = async (mark, ms, tell) => {
  const body = packr.pack({ chain: 'adam(1e-3)', tensors: [{ name: 'w', shape: [100] }] })
  let next = 0
  const since = performance.now()
  const lane = async () => {
    const socket = connect({ port: mark.port, host: '127.0.0.1', noDelay: true })
    const answers = answersOf(socket)
    while (next < 10_000 && performance.now() - since < ms) {
      socket.write(head(mark, `PUT /v1/sessions/s${next++}`, body.length))
      socket.write(body)
      const { value } = await answers.next()
      tell(value ?? 0)
      if (value === undefined) break
    }
    socket.destroy()
  }
  await Promise.all(Array.from({ length: 16 }, lane))
  await sleep(Math.max(0, since + ms - performance.now()))
}

export const acts: Readonly<Record<string, Act>> = { slow, bombs, announced, sessions }

async function many(lanes: number, ms: number, once: (left: number) => Promise<void>): Promise<void> {
  const until = performance.now() + ms
  const lane = async () => {
    for (let left = ms; left > 0; left = until - performance.now()) await once(left)
  }
  await Promise.all(Array.from({ length: lanes }, lane))
}

/** Of the first answer. */
async function statusOf(socket: Socket): Promise<number> {
  const { value } = await answersOf(socket).next()
  return value ?? 0
}

/** The statuses of one answer after the other. */
async function* answersOf(socket: Socket): AsyncGenerator<number, undefined> {
  let got = ''
  try {
    for await (const data of socket.on('error', () => undefined)) {
      got += (data as Buffer).toString('latin1')
      for (;;) {
        const at = got.indexOf('\r\n\r\n')
        const length = Number(/content-length: (\d+)/i.exec(got.slice(0, at))?.[1] ?? 0)
        if (at < 0 || got.length < at + 4 + length) break
        yield Number(got.slice(9, 12))
        got = got.slice(at + 4 + length)
      }
    }
  } catch {
    // It broke: there is no more.
  }
  return undefined
}
