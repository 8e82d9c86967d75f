import type { Redis } from 'ioredis'
import { type RedisServer, startRedis } from '../../test/redis.ts'
import { atMost, type Report, type Table } from './report.ts'
import { mean, median } from './rounds.ts'
import { Service } from './service.ts'
import type { Settings } from './settings.ts'

const chain = 'adam(1e-3)'
const id = 'bench'
/** Steps that averages are over. */
const steps = 64
/** Times that a session is loaded anew, and its bytes read, in turns. */
const reloads = 3
/** Bytes of state for each byte of gradient: two moments. */
const states = 2

/** What steps of a large session cost on Redis, in bytes and in time. With 25 M parameters where `size` is 16 M. */
export async function onRedis({ size, say }: Settings): Promise<Report> {
  const n = Math.round((size / 16) * 25 * (1e6 / 2 ** 20))
  const gradient = 4 * n
  say('  memory:')
  const memory = await timed('memory:', n)
  const found: Found[] = []
  for (const journal of [2, 8]) {
    say(`  redis, journal of ${journal} × the state`)
    found.push(await measure(n, journal))
  }
  const table: Table = {
    title: `Steps of ${n} parameters on Redis without AOF, ${steps} steps: ${chain}`,
    columns: [
      'journal / state',
      'written / gradient',
      'most held / state',
      'median ms',
      'mean ms',
      'reload ms',
      'read ms',
    ],
    rows: [
      ['on memory:', '', '', median(memory), mean(memory), '', ''],
      ...found.map((one) => [
        one.journal,
        one.written / gradient,
        one.held / (states * gradient),
        median(one.ms),
        mean(one.ms),
        one.reload,
        one.read,
      ]),
    ],
    notes: [
      'written: what Redis says it received (INFO), snapshots included; held: its used_memory, at most.',
      'reload: from the request to a new server until the session is described; read: its bytes read by a client.',
    ],
  }
  const [small, large] = found as [Found, Found]
  return {
    tables: [table],
    goals: [
      atMost('redis: bytes written a step / gradient', small.written / gradient, 1.6),
      atMost('redis: memory held / state', small.held / (states * gradient), 5.5),
      atMost('redis: bytes written with a larger journal', large.written / gradient, 1.3),
      atMost('redis: median step / the same on memory:', median(small.ms) / median(memory), 1.6),
      atMost('redis: mean step / the same on memory:', mean(small.ms) / mean(memory), 2),
      atMost('redis: reload / reading the bytes', small.reload / small.read, 1.6),
    ],
  }
}

interface Found {
  readonly journal: number
  /** Bytes a step. */
  readonly written: number
  readonly held: number
  readonly ms: readonly number[]
  readonly reload: number
  readonly read: number
}

async function timed(store: string, n: number): Promise<readonly number[]> {
  const service = await Service.start(store)
  try {
    await service.open(id, chain, n)
    return await run(service, n, async () => {})
  } finally {
    await service.stop()
  }
}

async function run(service: Service, n: number, after: () => Promise<void>): Promise<number[]> {
  const body = service.stepBody(n)
  await service.step(id, body)
  const spent: number[] = []
  for (let k = 0; k < steps; k++) {
    spent.push((await service.step(id, body)).ms)
    await after()
  }
  return spent
}

async function measure(n: number, journal: number): Promise<Found> {
  const redis = await startRedis()
  const client = redis.client()
  const env = { STEPD_JOURNAL_STATES: String(journal) }
  try {
    const service = await Service.start(redis.url, env)
    let held = 0
    let before = 0
    let ms: number[]
    try {
      await service.open(id, chain, n)
      before = await info(client, 'total_net_input_bytes')
      const empty = await info(client, 'used_memory')
      ms = await run(service, n, async () => {
        held = Math.max(held, (await info(client, 'used_memory')) - empty)
      })
    } finally {
      await service.stop()
    }
    // The first step, which warms up, was written too.
    const written = ((await info(client, 'total_net_input_bytes')) - before) / (steps + 1)
    const [reload, read]: [number[], number[]] = [[], []]
    for (let k = 0; k < reloads; k++) {
      reload.push(await reloaded(redis, env))
      read.push(await readAll(client))
    }
    return { journal, written, held, ms, reload: median(reload), read: median(read) }
  } finally {
    client.disconnect()
    await redis.stop()
  }
}

async function reloaded(redis: RedisServer, env: Readonly<Record<string, string>>): Promise<number> {
  const service = await Service.start(redis.url, env)
  try {
    const since = performance.now()
    await service.describe(id)
    return performance.now() - since
  } finally {
    await service.stop()
  }
}

/** Milliseconds in which a client reads all bodies of the session, eight chunks at a time. */
async function readAll(client: Redis): Promise<number> {
  const keys = (await client.keys('*')).filter((key) => key.includes(':b:'))
  const chunks = await Promise.all(
    keys.map(async (key) =>
      (await client.hkeys(key)).filter((field) => /^\d+$/.test(field)).map((field) => ({ key, field })),
    ),
  )
  const waiting = chunks.flat()
  const since = performance.now()
  const worker = async () => {
    for (let next = waiting.pop(); next !== undefined; next = waiting.pop())
      await client.hgetBuffer(next.key, next.field)
  }
  await Promise.all(Array.from({ length: 8 }, worker))
  return performance.now() - since
}

async function info(client: Redis, name: string): Promise<number> {
  const [, value] = new RegExp(`^${name}:(\\d+)`, 'm').exec(await client.info()) ?? []
  return Number(value)
}
