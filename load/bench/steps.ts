import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Cell, Report, Table } from './report.ts'
import { median } from './rounds.ts'
import { Service } from './service.ts'
import type { Settings } from './settings.ts'

const stages = ['read', 'decode', 'queue', 'commit', 'compute', 'encode'] as const
const chain = 'adam(1e-3)'

/** Steps as a client has them, on a server of its own, in memory and on disk. */
export async function wholeSteps(settings: Settings): Promise<Report> {
  const folder = await mkdtemp(join(tmpdir(), 'stepd-bench-'))
  try {
    const tables: Table[] = []
    for (const store of ['memory:', `lmdb:${folder}`]) tables.push(await onStore(store, settings))
    return { tables, goals: [] }
  } finally {
    await rm(folder, { recursive: true, force: true })
  }
}

/** From 1 K on by factors of eight, and the largest. */
const sizes = (largest: number): number[] => {
  const found: number[] = []
  for (let n = 1024; n < largest; n *= 8) found.push(n)
  return [...found, largest]
}

async function onStore(store: string, { largest, rounds, say }: Settings): Promise<Table> {
  const [name = ''] = store.split(':')
  const rows: Cell[][] = []
  const service = await Service.start(store)
  try {
    for (const n of sizes(largest)) {
      say(`  ${name}, ${n} parameters`)
      rows.push(await measure(service, n, Math.max(rounds, Math.min(300, Math.round(2 ** 25 / n)))))
    }
  } finally {
    await service.stop()
  }
  return {
    title: `Steps over HTTP, ${name}: ${chain}, gradients and updates F32; ms, medians`,
    columns: ['parameters', 'steps', 'client', ...stages, 'the rest', 'compute, ns/param', 'MB/s each way'],
    rows,
    notes: [
      'client: from the first byte sent to the last one received; the stages are those of Server-Timing.',
      'the rest: what no stage has: the reply on its way, and the sending of the request as far as read does not see it.',
    ],
  }
}

async function measure(service: Service, n: number, count: number): Promise<Cell[]> {
  const id = `bench-${n}`
  await service.open(id, chain, n)
  const body = service.stepBody(n)
  const warm = Math.min(20, Math.ceil(count / 4))
  const found: { readonly ms: number; readonly spent: ReadonlyMap<string, number> }[] = []
  for (let k = 0; k < warm + count; k++) {
    const step = await service.step(id, body)
    if (k >= warm) found.push(step)
  }
  await service.forget(id)
  const client = median(found.map(({ ms }) => ms))
  const each = stages.map((stage) => median(found.map(({ spent }) => spent.get(stage) ?? 0)))
  const rest = median(found.map(({ ms, spent }) => ms - [...spent.values()].reduce((a, b) => a + b, 0)))
  const compute = each[stages.indexOf('compute')] ?? Number.NaN
  return [n, count, client, ...each, rest, (compute * 1e6) / n, (4 * n) / client / 1e3]
}
