import { fork } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { addKey } from '../../server/http/keys.ts'
import { acts } from './hostile/acts.ts'
import { chains } from './plans.ts'
import { atMost, type Report } from './report.ts'
import { median, quantile } from './rounds.ts'
import { Service } from './service.ts'
import type { Settings } from './settings.ts'

const attacker = fileURLToPath(new URL('./hostile/attacker.js', import.meta.url))
/** Milliseconds of each act, and from one step of the other tenant to the next. */
const time = 12_000
const pause = 10

/** What another tenant feels of a hostile one, and what it feels where the same is done to another server. */
export async function hostile({ say }: Settings): Promise<Report> {
  const folder = await mkdtemp(join(tmpdir(), 'stepd-bench-'))
  try {
    const found: Found[] = []
    for (const act of Object.keys(acts)) {
      say(`  ${act}`)
      found.push(await measure(act, folder))
    }
    return {
      tables: [
        {
          title: 'Steps of a tenant while another is hostile, on LMDB, ms',
          columns: [
            'act',
            'quiet p50',
            'p99',
            'p50',
            'p99',
            '/ quiet',
            'elsewhere p99',
            '/ quiet',
            'its CPU',
            'answers',
          ],
          rows: found.map(({ act, quiet, here, elsewhere, cpu, statuses }) => [
            act,
            quiet.p50,
            quiet.p99,
            here.p50,
            here.p99,
            here.p99 / quiet.p99,
            elsewhere.p99,
            elsewhere.p99 / quiet.p99,
            cpu,
            Object.entries(statuses)
              .map(([status, n]) => `${n} × ${status}`)
              .join(', '),
          ]),
          notes: [
            'elsewhere: the same is done to an idle server beside, so that only the machine is shared;',
            'its CPU: processors that the hostile process itself takes, at the lowest priority',
          ],
        },
      ],
      goals: found.map(({ act, quiet, here }) =>
        atMost(`hostile, ${act}: p99 / quiet`, here.p99 / quiet.p99, 3),
      ),
    }
  } finally {
    await rm(folder, { recursive: true, force: true })
  }
}

interface Waits {
  readonly p50: number
  readonly p99: number
}

interface Found {
  readonly act: string
  readonly quiet: Waits
  readonly here: Waits
  readonly elsewhere: Waits
  readonly cpu: number
  readonly statuses: Readonly<Record<string, number>>
}

async function measure(act: string, folder: string): Promise<Found> {
  const keysFile = join(folder, `${act}.json`)
  const [bad, good] = [await addKey(keysFile, 'bad'), await addKey(keysFile, 'good')]
  const content = JSON.parse(await readFile(keysFile, 'utf8'))
  content.tenants.bad.sessions = 1000
  await writeFile(keysFile, JSON.stringify(content))
  const env = { STEPD_KEYS_FILE: keysFile, STEPD_STALL_TIMEOUT_MS: '5000', STEPD_BODY_LIMIT: '512 MiB' }
  const service = await Service.start(`lmdb:${join(folder, act)}`, env, good)
  const idle = fork(attacker, ['idle'])
  try {
    const [other] = (await once(idle, 'message')) as [number]
    await service.open('good', chains.adam.chain, 1000)
    const body = service.stepBody(1000)
    const steps = async (over: Promise<unknown>) => {
      const ms: number[] = []
      let going = true
      void over.finally(() => {
        going = false
      })
      for (; going; await sleep(pause)) ms.push((await service.step('good', body)).ms)
      return { p50: median(ms), p99: quantile(ms, 0.99) }
    }
    const attack = async (port: number) => {
      const child = fork(attacker, [act, String(port), bad, String(time)])
      const gone = once(child, 'message')
      const waits = await steps(gone)
      const [{ statuses, cpu }] = (await gone) as [{ statuses: Record<string, number>; cpu: number }]
      return { waits, statuses, cpu: cpu / (time / 1000) }
    }
    await steps(sleep(time / 4))
    const quiet = await steps(sleep(time))
    const elsewhere = await attack(other)
    const here = await attack(service.port)
    return {
      act,
      quiet,
      here: here.waits,
      elsewhere: elsewhere.waits,
      cpu: here.cpu,
      statuses: here.statuses,
    }
  } finally {
    idle.kill()
    await service.stop()
  }
}
