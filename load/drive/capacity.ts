import { performance } from 'node:perf_hooks'
import autocannon from 'autocannon'
import { mean } from '../bench/rounds.ts'
import { Course } from '../measure/course.ts'
import { enough, Steal } from '../measure/steal.ts'
import type { Target } from '../target.ts'

export interface Capacity {
  readonly perSecond: number
  /** The same, of the time in which others left the machine alone: NaN where that was too little. */
  readonly spared: number
  /** What part of the processors' time they took. */
  readonly stolen: number
  /** From sending to the answer, in a closed loop: not what a client sees that has a schedule. */
  readonly course: Course
  readonly answered: number
  readonly errors: ReadonlyMap<string, number>
  readonly busy: number
}

/**
 * As many steps as there are answers to: autocannon, each connection with its own sessions, the next step as soon as the
 * last one is answered. Steps have no number, so that one body serves.
 */
export async function capacity(
  target: Target,
  sessions: readonly { readonly id: string }[],
  body: Buffer,
  seconds: number,
): Promise<Capacity> {
  const connections = Math.min(32, sessions.length)
  // V8 still compiles a server that was just started: what it takes then is half of what it takes later.
  const warm = Math.min(5, 2 * seconds)
  const errors = new Map<string, number>()
  const fail = (what: string) => errors.set(what, (errors.get(what) ?? 0) + 1)
  const course = new Course(Math.max(0.1, seconds / 100))
  let connected = 0
  let [answered, counted] = [0, 0]
  const before = performance.eventLoopUtilization()
  const began = performance.now()
  const steal = new Steal(course.slice)
  const options: autocannon.Options = {
    url: target.url,
    connections,
    duration: warm + seconds,
    timeout: 60,
    setupClient(client) {
      const own = sessions.filter((_, i) => i % connections === connected)
      connected += 1
      client.setRequests(
        own.map(({ id }) => ({
          method: 'POST',
          path: `/v1/sessions/${id}/steps`,
          headers: { ...target.headers },
          body,
        })),
      )
    },
  }
  const note = (status: number, ms: number) => {
    if (status !== 200) return void fail(String(status))
    answered += 1
    const at = (performance.now() - began) / 1000
    if (at < warm || at >= warm + seconds) return
    counted += 1
    course.record(at, ms)
  }
  await new Promise<void>((resolve, reject) => {
    const running = autocannon(options, (error) => (error ? reject(error) : resolve()))
    running.on('response', (_client, status, _bytes, ms) => note(status, ms))
    running.on('reqError', (error: Error) => fail(error.message))
  })
  const busy = performance.eventLoopUtilization(before).utilization
  steal.stop()
  // Of slices that are counted as a whole.
  const first = Math.ceil(warm / course.slice)
  const whole = course.rates().slice(first, Math.floor((warm + seconds) / course.slice))
  const alone = whole.flatMap(([, rate], i) => (steal.spared(first + i) ? [rate] : []))
  const spared = alone.length < enough * whole.length ? Number.NaN : mean(alone)
  return { perSecond: counted / seconds, spared, stolen: steal.share, course, answered, errors, busy }
}
