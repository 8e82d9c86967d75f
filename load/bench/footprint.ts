import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { monitorEventLoopDelay } from 'node:perf_hooks'
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { noting, readDelays } from './delays.ts'
import { chains, planOf, values } from './plans.ts'
import { atMost, type Report } from './report.ts'
import { median, quantile } from './rounds.ts'
import { Service } from './service.ts'
import type { Settings } from './settings.ts'
import { type Inputs, observed, tensorsOf, WasmSession } from './wasm.ts'

/** What large steps do to the process that they run in. */
export async function footprint(settings: Settings): Promise<Report> {
  const reports = [await loopDelay(settings), await serverDelay(settings), await memoryOverTime(settings)]
  return {
    tables: reports.flatMap(({ tables }) => tables),
    goals: reports.flatMap(({ goals }) => goals),
  }
}

/** 25 M parameters where `size` is 16 M. */
const large = ({ size }: Settings): number => Math.round((size / 16) * 25 * (1e6 / 2 ** 20))

async function loopDelay(settings: Settings): Promise<Report> {
  const n = large(settings)
  const numbers = values(n, Math.sin)
  const inputs = { gradients: tensorsOf(numbers), parameters: tensorsOf(numbers) }
  const session = new WasmSession(planOf(chains.adam, [n]), 2)
  await session.step(inputs)
  const whole = await watched(session, inputs, 20, 1)
  const passes = await watched(session, inputs, 2, 60)
  await session.close()
  const row = (what: string, d: Delay) => [what, d.p50, d.p99, d.max]
  return {
    tables: [
      {
        title: `Delay of the event loop, ms: adam(1e-3) over ${n} parameters, 2 threads`,
        columns: ['while', 'p50', 'p99', 'max'],
        rows: [row('steps follow each other', whole), row('passes run', passes)],
        notes: ['measured by a timer of 1 ms: 1 ms is no delay'],
      },
    ],
    goals: [
      atMost('event loop, p99 in ms: whole steps', whole.p99, 20),
      atMost('event loop, p99 in ms: passes alone', passes.p99, 20),
    ],
  }
}

interface Delay {
  readonly p50: number
  readonly p99: number
  readonly max: number
}

async function watched(session: WasmSession, inputs: Inputs, steps: number, times: number): Promise<Delay> {
  const histogram = monitorEventLoopDelay({ resolution: 1 })
  await new Promise((resolve) => setTimeout(resolve, 20))
  histogram.enable()
  for (let k = 0; k < steps; k++) await session.step(inputs, times)
  // The timer runs once more, so that the last delay is counted.
  await new Promise((resolve) => setTimeout(resolve, 5))
  histogram.disable()
  const ms = (q: number) => histogram.percentile(q) / 1e6
  return { p50: ms(50), p99: ms(99), max: histogram.max / 1e6 }
}

/** The same in a server of its own, while a client sends steps and reads replies. */
async function serverDelay(settings: Settings): Promise<Report> {
  const n = large(settings)
  const folder = await mkdtemp(join(tmpdir(), 'stepd-bench-'))
  try {
    const found: { store: string; ms: number; delay: Delay }[] = []
    for (const store of ['memory:', `lmdb:${join(folder, 'store')}`])
      found.push({ store: store.split(':')[0] ?? '', ...(await served(store, n, join(folder, 'delays'))) })
    return {
      tables: [
        {
          title: `Delay of a server's event loop, ms: adam(1e-3) over ${n} parameters`,
          columns: ['store', 'p50', 'p99', 'max', 'a step'],
          rows: found.map(({ store, ms, delay: { p50, p99, max } }) => [store, p50, p99, max, ms]),
        },
      ],
      goals: found.map(({ store, delay }) =>
        atMost(`event loop of a server, p99 in ms: ${store}`, delay.p99, 20),
      ),
    }
  } finally {
    await rm(folder, { recursive: true, force: true })
  }
}

async function served(store: string, n: number, file: string): Promise<{ ms: number; delay: Delay }> {
  const service = await Service.start(store, noting(file))
  const ms: number[] = []
  let from = 0
  try {
    await service.open('bench', chains.adam.chain, n)
    const body = service.stepBody(n)
    for (let k = -2; k < 20; k++) {
      if (k === 0) from = performance.timeOrigin + performance.now()
      const step = await service.step('bench', body)
      if (k >= 0) ms.push(step.ms)
    }
  } finally {
    await service.stop()
  }
  const delays = readDelays(file, [from, from + ms.reduce((a, b) => a + b, 0)])
  const delay = { p50: quantile(delays, 0.5), p99: quantile(delays, 0.99), max: quantile(delays, 1) }
  return { ms: median(ms), delay }
}

/** So many first, in which code is compiled and heaps find their size; then as many that are measured. */
const steps = 500

async function memoryOverTime({ size }: Settings): Promise<Report> {
  const n = Math.ceil(size / 16)
  const numbers = values(n, Math.sin)
  const inputs = { gradients: tensorsOf(numbers), parameters: tensorsOf(numbers) }
  setFlagsFromString('--expose-gc')
  const collect = runInNewContext('gc') as () => void
  const session = new WasmSession(planOf(chains.adam, [n]), 2)
  const found: { arena: number; resident: number }[] = []
  for (let k = 1; k <= 2 * steps; k++) {
    await session.step(inputs)
    if (k % steps !== 0) continue
    collect()
    await new Promise((resolve) => setTimeout(resolve, 100))
    found.push({ arena: observed.arenaBytes / 2 ** 20, resident: process.memoryUsage.rss() / 2 ** 20 })
  }
  await session.close()
  const [early, late] = found as [(typeof found)[0], (typeof found)[0]]
  const needed = (4 * 4 * n) / 2 ** 20
  return {
    tables: [
      {
        title: `Memory of one session, MiB: adam(1e-3) over ${n} parameters`,
        columns: ['what', `after ${steps} steps`, `after ${2 * steps}`, 'growth'],
        rows: [
          ['state, one gradient, one reply', needed, needed, 0],
          ['the arena', early.arena, late.arena, late.arena - early.arena],
          ['the process, after a collection', early.resident, late.resident, late.resident - early.resident],
        ],
      },
    ],
    goals: [
      atMost('arena / (state + gradient + reply)', late.arena / needed, 1.1),
      atMost(`growth of the arena over ${steps} steps, MiB`, late.arena - early.arena, 0),
      // One reply may be on its way to being collected.
      atMost(`growth of the process over ${steps} steps, MiB`, late.resident - early.resident, needed / 4),
    ],
  }
}
