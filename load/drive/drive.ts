import { performance } from 'node:perf_hooks'
import { setTimeout as sleep } from 'node:timers/promises'
import { Course } from '../measure/course.ts'
import { Latencies } from '../measure/latencies.ts'
import { Stages } from '../measure/stages.ts'
import { Steal } from '../measure/steal.ts'
import type { Schedule } from './schedule.ts'
import type { Stream } from './stream.ts'

/** What of a stream it takes to drive it. */
export type Sender = Pick<Stream, 'send' | 'owes'>

export interface Drive {
  readonly seconds: number
  /** Without one each stream sends its next step as soon as the last one is answered: a closed loop. */
  readonly schedule?: Schedule
  /** Seconds at the beginning of which nothing is noted. */
  readonly warm?: number
  /** Seconds of a slice of the course. */
  readonly slice?: number
}

export interface Driven {
  /** Steps that were acknowledged, and how long each took from when it was due. */
  readonly course: Course
  readonly stages: Stages
  /** What of the machine was taken meanwhile, in the slices of the course. */
  readonly steal: Steal
  /** How late steps were sent that could have been sent in time: the generator's own fault. */
  readonly late: Latencies
  readonly errors: ReadonlyMap<string, number>
  /** Acknowledged a second, of the seconds that count. */
  readonly perSecond: number
  /** Part of its time in which the generator had work to do. */
  readonly busy: number
}

/** Timers of Node fire on whole milliseconds, and late: a step sent within this is in time. */
const resolution = 2

/** A step that was due so many milliseconds ago, and is not answered, is behind the schedule. */
const tardy = 100

/** A closed loop sends so many at least, however long they take. */
const least = 3

/** After an error the same stream goes on a little later. */
const pause = 100

/**
 * Let all streams send. A step that is due while its stream still waits for an answer is sent late, and its latency
 * counts from when it was due: a server that holds up clients is not spared what they would have sent meanwhile.
 */
export async function drive(streams: readonly Sender[], plan: Drive): Promise<Driven> {
  const { seconds, schedule, warm = 0, slice = sliceOf(seconds) } = plan
  const [course, stages, late] = [new Course(slice), new Stages(), new Latencies()]
  const overdue = streams.map(() => Number.POSITIVE_INFINITY)
  const steal = new Steal(slice, {
    behind: () => overdue.some((due) => performance.now() - due > tardy),
  })
  const errors = new Map<string, number>()
  const fail = (what: string) => errors.set(what, (errors.get(what) ?? 0) + 1)
  const began = performance.now()
  const before = performance.eventLoopUtilization()
  // What could not be sent by then is not sent any more: the load is beyond what can be served.
  const given = began + (2 * seconds + 30) * 1000
  let counted = 0
  let ended = seconds

  const one = async (stream: Sender, due: number, free: number) => {
    const sent = performance.now()
    if (sent > given) return void fail('not sent: behind its schedule')
    // A stream that was free when the step was due had nothing but us to wait for.
    const own = sent - Math.max(due, free)
    const from = sent - due > resolution ? due : sent
    try {
      const timing = await stream.send()
      const now = performance.now()
      if (due - began < warm * 1000) return
      late.record(own)
      stages.note(timing)
      course.record((now - began) / 1000, now - from)
      if (schedule === undefined) ended = Math.max(ended, (now - began) / 1000)
      else if (now - began >= seconds * 1000) return
      counted += 1
    } catch (error) {
      fail(reasonOf(error))
      await sleep(pause)
    }
  }

  const follow = async (stream: Sender, i: number, times: Iterable<number>) => {
    let free = began
    for (const time of times) {
      if (time >= seconds) return
      const due = began + time * 1000
      const wait = due - performance.now()
      if (wait > 0) await sleep(wait)
      overdue[i] = due
      await one(stream, due, free)
      overdue[i] = Number.POSITIVE_INFINITY
      free = performance.now()
    }
  }

  const again = async (stream: Sender) => {
    const end = began + seconds * 1000
    for (let now = began, k = 0; k < least || stream.owes || now < end; now = performance.now(), k++)
      await one(stream, now, now)
  }

  await Promise.all(streams.map((stream, i) => (schedule ? follow(stream, i, schedule(i)) : again(stream))))
  const busy = performance.eventLoopUtilization(before).utilization
  steal.stop()
  return { course, stages, steal, late, errors, perSecond: counted / (ended - warm), busy }
}

/** A hundredth, but for the resolution of steal no less than a tenth of a second, and of long runs no more than one. */
const sliceOf = (seconds: number) => Math.max(0.1, Math.min(1, seconds / 100), seconds / 1000)

/** What tells errors apart in a table. */
export function reasonOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error)
  // Of a refused connection Node says the port, of a broken one nothing: neither tells runs apart.
  return (error as NodeJS.ErrnoException).code ?? error.message.slice(0, 160)
}
