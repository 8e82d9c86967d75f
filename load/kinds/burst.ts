import { unnumbered } from '../drive/bodies.ts'
import { capacity } from '../drive/capacity.ts'
import { drive } from '../drive/drive.ts'
import { inBursts } from '../drive/schedule.ts'
import { LeanStream } from '../drive/stream.ts'
import { Wire } from '../drive/wire.ts'
import type { BurstLoad, Outcome, Run } from '../scenario.ts'
import { caughtUp, countedSteps, latencyOverTime, latencyTable, throughputOverTime, total } from './shared.ts'

export async function burst(scenario: BurstLoad, { stage, seconds, say }: Run): Promise<Outcome> {
  const { target } = stage
  const { chain, parameters, share } = scenario
  const sessions = await target.open(scenario.sessions, {
    chain,
    tensors: [{ name: 'w', shape: [parameters] }],
  })
  say('capacity, closed loop')
  const most = await capacity(target, sessions, unnumbered(parameters), Math.min(seconds / 2, 5))
  await caughtUp(sessions)

  const wire = new Wire(target)
  const streams = sessions.map((session) => new LeanStream(wire, session, parameters))
  const due = share * most.perSecond
  const every = Math.min(scenario.burst.every, Math.round(seconds * 4) / 10)
  const steps = Math.round(scenario.burst.worth * most.perSecond)
  say(`open loop, ${Math.round(due)} steps/s, and every ${every} s ${steps} at once`)
  const schedule = inBursts(streams.length, due, { every, steps })
  const driven = await drive(streams, { seconds, schedule, slice: 0.1 })
  const counted = await countedSteps(streams)
  wire.close()
  await target.forget(sessions)

  const marks = [{ x: every, label: `${steps} steps at once` }]
  // While a burst is served the steps behind it wait: at worst as long as it takes with all the load that comes meanwhile.
  const ideal = (scenario.burst.worth / (1 - share)) * 1000
  const worst = driven.course.whole().max
  return {
    section: {
      title: scenario.title,
      notes: [
        scenario.about,
        `${stage.about}; ${sessions.length} sessions of ${parameters} parameters, ${chain}. At ${Math.round(share * 100)} % of capacity (${Math.round(most.perSecond)} steps/s); every ${every} s ${steps} steps are due at once, ${scenario.burst.worth} s worth of capacity.`,
        `Served at capacity with what is due besides, a burst takes ${Math.round(ideal)} ms; the longest latency was ${Math.round(worst)} ms.`,
      ],
      tables: [
        latencyTable('Latency from when a step was due', [
          { label: 'with bursts', due: due + steps / every, driven },
        ]),
      ],
      plots: [
        throughputOverTime('Steps acknowledged', driven, marks),
        latencyOverTime('Latency', driven, marks),
      ],
    },
    figures: {
      errors: total(driven.errors) + total(most.errors),
      ...counted,
      worst_over_ideal: worst / ideal,
    },
  }
}
