import { readFileSync, writeFileSync } from 'node:fs'
import { setTimeout as sleep } from 'node:timers/promises'
import { startRedis } from '../../test/redis.ts'
import { chains } from './plans.ts'
import { atMost, type Report } from './report.ts'
import { Service } from './service.ts'
import type { Settings } from './settings.ts'

const MiB = 2 ** 20
const id = 'bench'
/** Milliseconds after the last step, in which what it left over may be given back. */
const idle = 60_000

/** What a server takes for the steps of one large session on Redis: 25 M parameters where `size` is 16 M. */
export async function memory({ size, say }: Settings): Promise<Report> {
  const n = Math.round((size / 16) * 25 * (1e6 / MiB))
  const gradient = 4 * n
  const state = 2 * gradient
  say('  no snapshots:')
  const plain = await measure({ n, steps: 20, say, env: { STEPD_JOURNAL_STATES: '64' } })
  say('  with snapshots:')
  const whole = await measure({ n, steps: 200, say, env: {} })
  // Its latest reply is kept, so that a retry is free.
  const own = state + gradient
  const row = (what: string, bytes: number) => [what, bytes / MiB, (bytes - state) / gradient]
  return {
    tables: [
      {
        title: `Memory of a server on Redis, MiB beyond what it had before: adam(1e-3) over ${n} parameters`,
        columns: ['what', 'MiB', '(it − state) / gradient'],
        rows: [
          row('the state', state),
          row(`peak of ${plain.steps} steps without a snapshot`, plain.peak),
          row(`peak of ${whole.steps} steps and their snapshots`, whole.peak),
          row('after them', whole.after),
          row(`${idle / 1000} s later`, whole.idle),
        ],
        notes: ['resident, as Linux tells it; the gradient comes packed, and so does the reply'],
      },
    ],
    goals: [
      atMost('memory: (peak of a step − state) / gradient', (plain.peak - state) / gradient, 2.5),
      atMost(
        'memory: with a snapshot, (peak − 2 states) / gradient',
        (whole.peak - 2 * state) / gradient,
        2.5,
      ),
      atMost('memory: when idle / (state + reply)', whole.idle / own, 1.1),
    ],
  }
}

interface Course {
  readonly n: number
  readonly steps: number
  readonly env: Readonly<Record<string, string>>
  readonly say: Settings['say']
}

/** Resident bytes beyond those before the session. */
interface Found {
  readonly steps: number
  readonly peak: number
  readonly after: number
  readonly idle: number
}

async function measure({ n, steps, env, say }: Course): Promise<Found> {
  const redis = await startRedis()
  try {
    const service = await Service.start(redis.url, env)
    try {
      // Code and heaps that any first steps need are no part of a session.
      await service.open('small', chains.adam.chain, 1000)
      const small = service.stepBody(1000)
      for (let k = 0; k < 100; k++) await service.step('small', small)
      const before = memoryOf(service.pid).resident
      await service.open(id, chains.adam.chain, n)
      const body = service.stepBody(n)
      forgetPeak(service.pid)
      for (let k = 0; k < steps; k++) {
        if (k % 20 === 0) say(`  step ${k} of ${steps}`)
        await taken(() => service.step(id, body))
      }
      const then = memoryOf(service.pid)
      await sleep(idle)
      const { resident } = memoryOf(service.pid)
      return { steps, peak: then.peak - before, after: then.resident - before, idle: resident - before }
    } finally {
      await service.stop()
    }
  } finally {
    await redis.stop()
  }
}

/** Again where Redis is late: how many steps it were in the end is all the same. */
async function taken(step: () => Promise<unknown>): Promise<void> {
  for (;;) {
    try {
      return void (await step())
    } catch (error) {
      if (!/ 503 .*"store_unavailable"/s.test(String(error))) throw error
      await sleep(1000)
    }
  }
}

/** From here on. */
const forgetPeak = (pid: number) => writeFileSync(`/proc/${pid}/clear_refs`, '5')

function memoryOf(pid: number): { readonly resident: number; readonly peak: number } {
  const text = readFileSync(`/proc/${pid}/status`, 'utf8')
  const bytes = (name: string) => 1024 * Number(new RegExp(`^${name}:\\s+(\\d+) kB$`, 'm').exec(text)?.[1])
  return { resident: bytes('VmRSS'), peak: bytes('VmHWM') }
}
