import { performance } from 'node:perf_hooks'
import { reasonOf } from '../drive/drive.ts'
import { LeanStream } from '../drive/stream.ts'
import { Wire } from '../drive/wire.ts'
import { Latencies, quantiles } from '../measure/latencies.ts'
import type { Cold, Outcome, Run } from '../scenario.ts'
import { countedSteps, errorsShown, total } from './shared.ts'

/** At a time: what a few trainers that come back at once make of it. */
const together = 4

export async function cold(scenario: Cold, { stage, say }: Run): Promise<Outcome> {
  const { restart } = stage.faults
  if (restart === undefined)
    throw new Error(`${scenario.name} kills the server: it cannot run at an address that is given`)
  const { chain, parameters } = scenario
  const sessions = await stage.target.open(scenario.sessions, {
    chain,
    tensors: [{ name: 'w', shape: [parameters] }],
  })
  const before = new Wire(stage.target)
  const first = sessions.map((session) => new LeanStream(before, session, parameters))
  say(`${scenario.steps} steps in each of ${sessions.length} sessions`)
  const errors = new Map<string, number>()
  for (let k = 0; k < scenario.steps - 1; k++) await onceEach(first, errors)
  const warm = await onceEach(first, errors)
  before.close()

  say('SIGKILL, and start again')
  const since = performance.now()
  await restart()
  const up = performance.now() - since
  const wire = new Wire(stage.target)
  for (const { session, acknowledged } of first) {
    await session.describe()
    if (session.currentStep !== acknowledged)
      throw new Error(
        `${session.id} is at step ${session.currentStep} after the restart, expected ${acknowledged}`,
      )
  }
  const streams = sessions.map((session) => new LeanStream(wire, session, parameters))
  say('the first step of each')
  const [coldSteps, next] = [await onceEach(streams, errors), await onceEach(streams, errors)]
  const counted = await countedSteps(streams)
  wire.close()
  await stage.target.forget(sessions)
  const row = (label: string, found: Latencies) => [
    label,
    ...quantiles.map(([, q]) => found.quantile(q)),
    found.max,
  ]
  return {
    section: {
      title: scenario.title,
      notes: [
        scenario.about,
        `${stage.about}; ${sessions.length} sessions of ${parameters} parameters, ${chain}, ${scenario.steps} steps each, ${together} sessions at a time. The server answered ${Math.round(up)} ms after SIGKILL. Errors: ${errorsShown(errors)}.`,
      ],
      tables: [
        {
          title: 'One step of each session',
          columns: ['step', ...quantiles.map(([name]) => `${name}, ms`), 'max, ms'],
          rows: [
            row('before the restart', warm),
            row('the first one after it', coldSteps),
            row('the second one after it', next),
          ],
        },
      ],
      plots: [],
    },
    figures: {
      errors: total(errors),
      ...counted,
      cold_over_warm: coldSteps.quantile(0.5) / warm.quantile(0.5),
      next_over_warm: next.quantile(0.5) / warm.quantile(0.5),
    },
  }
}

/** The next step of all of them. */
async function onceEach(streams: readonly LeanStream[], errors: Map<string, number>): Promise<Latencies> {
  const found = new Latencies()
  const left = [...streams]
  const work = async () => {
    for (let stream = left.pop(); stream !== undefined; stream = left.pop()) {
      const since = performance.now()
      try {
        await stream.send()
        found.record(performance.now() - since)
      } catch (error) {
        const reason = reasonOf(error)
        errors.set(reason, (errors.get(reason) ?? 0) + 1)
      }
    }
  }
  await Promise.all(Array.from({ length: together }, work))
  return found
}
