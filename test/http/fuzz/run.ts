import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { setTimeout as sleep } from 'node:timers/promises'
import { seeded } from '../../chains/random.ts'
import { ServerProcess } from '../../process.ts'
import { mutate, randomBytes } from './inputs.ts'
import { isRefusal, Victim } from './victim.ts'
import { Wire } from './wire.ts'

const connections = 8
/** Beside so many bodies, one piece of nonsense comes that is no request at all. */
const sane = 200
/** Old space that the server has, in MiB: what is held of each of a million inputs would not fit. */
const heap = ['--max-old-space-size=128']
/**
 * MiB from the third tenth on. Of each session the store may keep 512 entries, and with each the 8 KiB that its body was
 * cut from: 32 MiB in all.
 */
const growth = 64

/** What many do at once. */
interface Progress {
  done: number
  /** MiB that the server had resident after each tenth. */
  readonly resident: number[]
}

/**
 * Throw so many bodies at a server of its own.
 *
 * @throws AssertionError with the input that was answered otherwise than documented, or changed something
 */
export async function fuzz(count: number, seed: number): Promise<void> {
  const settings = { STEPD_STORE: 'memory:', STEPD_ENGINE: 'wasm', STEPD_LOG_LEVEL: 'info' }
  const server = await ServerProcess.start(settings, heap)
  const wires = Array.from({ length: connections }, () => new Wire(Number(new URL(server.url).port)))
  const progress: Progress = { done: 0, resident: [] }
  const since = performance.now()
  try {
    const tell = (done: number) => {
      if (done % Math.ceil(count / 10) === 0) progress.resident.push(resident(server.pid))
      if (done % 1000 === 0) process.stderr.write(`\r${done} of ${count}`)
    }
    const found = await Promise.all(
      wires.map((wire, i) => {
        const victim = new Victim(wire, `v${i}`, seed * connections + i)
        const more = () => progress.done < count
        return attack(wire, victim, seeded(-seed * connections - i), more, () => tell(++progress.done))
      }),
    )
    const seconds = (performance.now() - since) / 1000
    // What is left over is collected meanwhile, and given back.
    await sleep(10_000)
    progress.resident.push(resident(server.pid))
    process.stdout.write(
      `\nseed ${seed}: ${progress.done} bodies, ${Math.round(progress.done / seconds)} a second: ` +
        `${JSON.stringify(sum(found))}; MiB resident ${progress.resident.join(', ')}\n`,
    )
    const [early = 0, late = Number.NaN] = [progress.resident[2], progress.resident.at(-1)]
    assert.ok(late - early < growth, `${late - early} MiB more are resident, expected less than ${growth}`)
    const { raw } = await server.send('GET', '/metrics')
    assert.match(raw.toString(), /^stepd_held_bytes 0$/m)
  } finally {
    for (const wire of wires) wire.close()
    await server.stop()
  }
}

/** How often each status came. */
async function attack(
  wire: Wire,
  victim: Victim,
  roll: (bound: number) => number,
  more: () => boolean,
  done: () => void,
): Promise<ReadonlyMap<string, number>> {
  await victim.start()
  const ends = new Map<string, number>()
  while (more()) {
    await victim.once()
    done()
    if (roll(sane) > 0) continue
    const bytes = nonsense(roll)
    const status = await wire.nonsense(bytes)
    assert.ok(status === 0 || isRefusal(status), `${bytes.toString('hex')}: ${status}`)
    const end = status === 0 ? 'no request, closed' : `no request, ${status}`
    ends.set(end, (ends.get(end) ?? 0) + 1)
  }
  return new Map([...[...victim.statuses].map(([status, n]) => [String(status), n] as const), ...ends])
}

const request = Buffer.from(
  'PUT /v1/sessions/none?x=%20 HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/msgpack\r\n' +
    'Transfer-Encoding: chunked\r\nExpect: 100-continue\r\nConnection: close\r\n\r\n1\r\n\x80\r\n0\r\n\r\n',
  'latin1',
)

/** Bytes that might be a request, and are none that opens anything. */
const nonsense = (roll: (bound: number) => number): Buffer =>
  roll(3) === 0 ? randomBytes(1 + roll(300), roll) : mutate(request, roll)

function sum(found: readonly ReadonlyMap<string, number>[]): Record<string, number> {
  const all: Record<string, number> = {}
  for (const each of found) for (const [end, n] of each) all[end] = (all[end] ?? 0) + n
  return all
}

/** In MiB, as Linux tells it. */
function resident(pid: number): number {
  const [, kilobytes] = /^VmRSS:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8')) ?? []
  return Math.round(Number(kilobytes) / 1024)
}
