import { declaredIn } from '../compiler/plan.ts'
import type { Head, Store } from '../stores/store.ts'
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

/**
 * Whether it is a retry of the latest step. What is small is known by its digest. What is large is compared with what the
 * journal has, where the content of the latest step stays until the next one: there are fewer retries than steps.
 *
 * @throws Problem `step_gap`, `step_past`, `step_conflict`
 */
export async function checkRetry({ live, head, step, event }: Refused, store: Store): Promise<void> {
  const { step: current } = head
  if (step === undefined || step > current) throw stepGap(step, current)
  // What put the state at this step has no reply of the step.
  if (step < current || head.digest.startsWith(stateMark)) throw stepPast(step, current)
  const known = head.digest === '' ? await digestInJournal(live, step, store) : head.digest
  if (known === undefined) throw stepPast(step, (await store.get(live.key))?.head.step ?? current)
  if (known !== (await digest(event))) throw otherContent(step)
}

/** Digest of the content by which a step was made that was just the latest; undefined where others went on meanwhile. */
async function digestInJournal(
  { key, program }: Live,
  step: number,
  store: Store,
): Promise<string | undefined> {
  for await (const entry of store.entries(key, 0)) {
    if (entry.step < step) continue
    if (entry.step > step || kindOf(entry) !== 'step') return undefined
    return unlessReplaced(async () => {
      const body = new Uint8Array(entry.body.size)
      await entry.body.read([body])
      const { event } = readEvent(entry, body, declaredIn(program.plan))
      return event.kind === 'step' ? digest(event) : undefined
    })
  }
  return undefined
}
