import { declaredIn } from '../compiler/plan.ts'
import type { Entry, Head, Store } from '../stores/store.ts'
import { digest, kindOf, readEvent, type StepEvent } from './journal.ts'
import type { Live } from './live.ts'
import { unlessReplaced } from './reading.ts'
import { otherContent, stepGap, stepPast } from './refusals.ts'
import { stateMark } from './spec.ts'

/** A step that the store refused: its session has gone on to `head`. */
export interface Refused {
  readonly live: Live
  readonly head: Head
  /** The step that it was for: any where absent. */
  readonly step: number | undefined
  readonly event: StepEvent
}

/** On what terms a step is taken: it has no digest of its own, for the journal has its content until the next one. */
export const advancing = { digest: '' } as const

/**
 * Whether it is a retry of the latest step: it is compared with what the journal has, for there are fewer retries than
 * steps. Of a version before this one small steps have a digest. False where the session is not the one that the request
 * was checked against.
 *
 * @throws Problem `step_gap`, `step_past`, `step_conflict`
 */
export async function checkRetry(refused: Refused, store: Store): Promise<boolean> {
  const { live, head, step, event } = refused
  if (step === undefined || step > head.step) throw stepGap(step, head.step)
  // What put the state at this step has no reply of the step.
  if (step < head.step || head.digest.startsWith(stateMark)) throw stepPast(step, head.step)
  const known = head.digest === '' ? await digestInJournal(live, head, store) : head.digest
  if (known === (await digest(event))) return true
  const now = await store.get(live.key)
  if (now === undefined || now.incarnation !== live.incarnation) return false
  if (step > now.head.step) throw stepGap(step, now.head.step)
  if (step < now.head.step || known === undefined) throw stepPast(step, now.head.step)
  throw otherContent(step)
}

/** Digest of the content by which the latest step was made; undefined where it is that no more. */
async function digestInJournal(live: Live, { seq, step }: Head, store: Store): Promise<string | undefined> {
  // Mostly it is the last entry. Else others follow that are no steps.
  for (const before of [seq - 1, 0])
    for await (const entry of store.entries(live.key, before)) {
      if (entry.step < step) continue
      if (entry.step > step) return undefined
      if (kindOf(entry) !== 'step') break
      return unlessReplaced(() => digestOfEntry(live, entry))
    }
  return undefined
}

async function digestOfEntry(live: Live, entry: Entry): Promise<string | undefined> {
  const { bytes = new Uint8Array(entry.body.size), lease } = live.lend(entry.body.size) ?? {}
  try {
    await entry.body.read([bytes])
    const { event } = readEvent(entry, bytes, declaredIn(live.program.plan))
    return event.kind === 'step' ? await digest(event) : undefined
  } finally {
    lease?.release()
  }
}
