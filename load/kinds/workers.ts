import type { Session } from '../../client/typescript/index.ts'
import { drive } from '../drive/drive.ts'
import { together } from '../drive/schedule.ts'
import { LeanStream } from '../drive/stream.ts'
import { Wire } from '../drive/wire.ts'
import type { Outcome, Run, Workers } from '../scenario.ts'
import { inGroups } from '../target.ts'
import { countedSteps, latencyOverTime, latencyTable, stagePlot, total } from './shared.ts'

export async function workers(scenario: Workers, { stage, seconds, say }: Run): Promise<Outcome> {
  const { target } = stage
  const { chain, parameters, share } = scenario
  const spec = { chain, tensors: [{ name: 'w', shape: [parameters] }], workers: scenario.workers }
  const sessions = await target.open(scenario.sessions, spec)
  const wire = new Wire(target)
  const names = Array.from({ length: scenario.workers }, (_, i) => `worker-${i}`)
  const streams = sessions.flatMap((session) => {
    const round = { sent: 0 }
    return names.map((name) => new LeanStream(wire, session, parameters, { name, round }))
  })
  say('rounds as fast as they close')
  const closed = await drive(streams, { seconds, warm: seconds / 4 })
  const due = (share * closed.perSecond) / scenario.workers
  say(`open loop, ${Math.round(due)} rounds/s`)
  const schedule = together(sessions.length, scenario.workers, due)
  const open = await drive(streams, { seconds, warm: seconds / 5, schedule })
  const counted = await countedSteps(streams)
  const odd = await oddRounds(sessions, scenario.workers)
  wire.close()
  await target.forget(sessions)
  const whole = open.course.whole()
  return {
    section: {
      title: scenario.title,
      notes: [
        scenario.about,
        `${stage.about}; ${scenario.sessions} sessions of ${parameters} parameters, ${scenario.workers} workers each, ${chain}. Steps are contributions here: ${Math.round(closed.perSecond / scenario.workers)} rounds/s at most.`,
        `Of the rounds that history tells ${odd === 0 ? 'each was' : `${odd} were not`} made of ${scenario.workers} contributions.`,
      ],
      tables: [
        latencyTable('Contributions', [
          { label: 'closed loop', driven: closed },
          { label: `${Math.round(share * 100)} % of it`, due: due * scenario.workers, driven: open },
        ]),
      ],
      plots: [
        latencyOverTime('Latency of contributions, open loop', open),
        ...stagePlot('Where the time goes', [
          { label: 'closed', stages: closed.stages },
          { label: 'open', stages: open.stages },
        ]),
      ],
    },
    figures: {
      errors: total(closed.errors) + total(open.errors),
      ...counted,
      odd_rounds: odd,
      p99_over_p50: whole.quantile(0.99) / whole.quantile(0.5),
    },
  }
}

/** Steps that were not made of as many contributions as there are workers. */
async function oddRounds(sessions: readonly Session[], count: number): Promise<number> {
  const odd = await inGroups(sessions, async (session) => {
    const { happened } = await session.history()
    return happened.filter((one) => one.kind === 'step' && one.workers !== count).length
  })
  return odd.reduce((sum, each) => sum + each, 0)
}
