import { Problem } from '../../schemas/index.ts'
import type { Appended } from '../stores/store.ts'
import type { Copies } from './copies.ts'
import { type ContributionEvent, digest } from './journal.ts'
import type { Ask, Live } from './live.ts'
import type { Log } from './log.ts'
import { type Lap, resultOf, type StepResult } from './result.ts'
import { mostStale } from './spec.ts'

/** Workers whose contributions a session tells apart. A repeated one would be counted twice if some were forgotten. */
const mostWorkers = 10_000

export interface Sent {
  readonly event: ContributionEvent
  /** The worker's own number of the contribution, by which a repeated one is known. */
  readonly seq: number | undefined
  readonly ask: Ask
}

/**
 * Take a contribution that is a step of its own, in the session's queue, and answer with the fresh parameters. Undefined
 * when the session is not the one that the request was checked against.
 */
export async function contribute(
  live: Live,
  { event, seq, ask }: Sent,
  { log, copies }: { readonly log: Log; readonly copies: Copies },
  lap: Lap,
): Promise<StepResult | undefined> {
  const own = await digest(event)
  const { worker, base = 0 } = event
  const most = mostStale(live.spec)
  const appended = await log.append(live, event, {
    advance: { digest: own },
    ...(seq === undefined ? {} : { once: { member: worker, seq, most: mostWorkers } }),
    ...(most === undefined ? {} : { atMost: base + most }),
  })
  lap('commit')
  switch (appended.status) {
    case 'missing':
      return undefined
    case 'crowded':
      throw new Problem(
        'invalid_request',
        `The session has had contributions of ${mostWorkers} workers, and ${worker} is another: use their names again`,
        { path: '/worker' },
      )
    case 'refused': {
      const counted = checkRepeated(appended, { event, seq, own })
      const stored = await copies.current(live.key)
      lap('compute')
      return fresh(stored, ask, { replayed: true, counted })
    }
    case 'appended': {
      const now = await copies.follow(live, appended, event, ask)
      lap('compute')
      const outcome = { replayed: false, counted: true }
      // It may be that others went on, and that what is here is their step.
      return now.last?.step === appended.head.step ? resultOf(now, outcome) : fresh(now, ask, outcome)
    }
  }
}

/** Whether it is the last of its worker, and so counted for sure. */
function checkRepeated(
  { head, known }: Extract<Appended, { status: 'refused' }>,
  { event, seq, own }: { event: ContributionEvent; seq: number | undefined; own: string },
): boolean {
  const current_step = head.step
  if (known === undefined) throw stale(event, current_step)
  if (known.seq === seq && known.digest !== own) {
    const detail = `${event.worker} has sent seq ${seq} with other content: a retry must send the same, the next contribution a higher seq`
    throw new Problem('step_conflict', detail, { current_step })
  }
  return known.seq === seq
}

function stale({ base = 0 }: ContributionEvent, current_step: number): Problem {
  const detail = `The gradient is of the parameters of step ${base}, ${current_step - base} steps ago, which is too stale: fetch the parameters and compute it anew`
  return new Problem('step_past', detail, { current_step })
}

/** The parameters as they are now. */
async function fresh(
  live: Live,
  ask: Ask,
  outcome: Pick<StepResult, 'replayed' | 'counted'>,
): Promise<StepResult> {
  const parts = await live.params(ask.want.dtype, 'params')
  return {
    ...outcome,
    step: live.at.step,
    output: { scalars: new Map(), ...parts },
    ask: { ...ask, stats: false },
    spec: live.spec,
  }
}
