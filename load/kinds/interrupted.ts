import type { Session } from '../../client/typescript/index.ts'
import { type Driven, drive } from '../drive/drive.ts'
import { evenly } from '../drive/schedule.ts'
import { ClientStream } from '../drive/stream.ts'
import type { Interrupted, Outcome, Run } from '../scenario.ts'
import { inGroups } from '../target.ts'
import { countedSteps, latencyOverTime, latencyTable, throughputOverTime, total } from './shared.ts'

/** Of the run passes before it happens. */
const part = 0.35
const slice = 0.25
/** Recovered: as much as this part of what is due is acknowledged. */
const restored = 0.9

/**
 * Gradients of ones through `sgd(1.0)`, from parameters of 0 that the server keeps: minus each parameter is the number of
 * steps that were really taken, whatever anyone says of it.
 */
export async function interrupted(scenario: Interrupted, { stage, seconds, say }: Run): Promise<Outcome> {
  const fail = stage.faults[scenario.fault]
  if (fail === undefined)
    throw new Error(`${scenario.name} kills a process: it cannot run at an address that is given`)
  const { target } = stage
  const { chain, parameters, share } = scenario
  const tensors = [{ name: 'w', shape: [parameters] }]
  const sessions = await target.open(scenario.sessions, {
    chain,
    tensors,
    params: new Float32Array(parameters),
  })
  const ones = new Float32Array(parameters).fill(1)
  const streams = sessions.map((session) => new ClientStream(session, ones))
  say('capacity through the client, closed loop')
  const most = await drive(streams, { seconds: seconds / 4, warm: seconds / 12 })
  const due = share * most.perSecond
  const at = part * seconds
  say(`open loop, ${Math.round(due)} steps/s; SIGKILL to the ${scenario.fault} after ${at.toFixed(1)} s`)
  const timer = { failed: Promise.resolve() }
  setTimeout(() => {
    timer.failed = fail()
  }, at * 1000)
  const driven = await drive(streams, { seconds, schedule: evenly(streams.length, due), slice })
  await timer.failed
  const interruptions = target.interrupted
  await answering(sessions)

  const recovery = recoveryOf(driven, at, due)
  const counted = await countedSteps(streams)
  const wrong = await notAsCounted(sessions)
  await target.forget(sessions)
  const marks = [{ x: at, label: `SIGKILL to the ${scenario.fault}` }]
  const steps = streams.reduce((sum, { acknowledged }) => sum + acknowledged, 0)
  return {
    section: {
      title: scenario.title,
      notes: [
        scenario.about,
        `${stage.about}; ${sessions.length} sessions of ${parameters} parameters, ${chain}, through the TypeScript client: of its requests ${interruptions} had no answer or a 503 and were sent again.`,
        `${steps} steps were acknowledged; lost: ${counted.lost_steps}, taken twice: ${counted.doubled_steps}; sessions whose parameters or history say otherwise: ${wrong}. ${
          Number.isFinite(recovery)
            ? `Throughput was back after ${recovery.toFixed(2)} s.`
            : 'Throughput did not come back within the run.'
        }`,
      ],
      tables: [
        latencyTable('Latency from when a step was due', [
          { label: 'closed loop, before', driven: most },
          { label: 'open loop, with the failure', due, driven },
        ]),
      ],
      plots: [
        throughputOverTime('Steps acknowledged', driven, marks),
        latencyOverTime('Latency', driven, marks),
      ],
    },
    figures: {
      errors: total(most.errors) + total(driven.errors),
      ...counted,
      wrong_sessions: wrong,
      recovery_s: recovery,
    },
  }
}

/** Where what failed takes longer than the run, the count of steps waits: a sentinel that is held up does nothing for 30 s. */
async function answering([session]: readonly Session[]): Promise<void> {
  const deadline = Date.now() + 150_000
  for (;;) {
    try {
      await session?.describe()
      return
    } catch (error) {
      if (Date.now() > deadline) throw error
    }
  }
}

/** Seconds from the failure to the first slice that has nearly as much as is due, as has the whole second that it begins. */
function recoveryOf({ course }: Driven, at: number, due: number): number {
  const rates = course.rates().map(([, rate]) => rate)
  const wide = Math.round(1 / slice)
  // From the first slice that lies after the failure as a whole.
  for (let i = Math.ceil(at / slice); i + wide <= rates.length; i++) {
    const second = rates.slice(i, i + wide)
    const mean = second.reduce((sum, rate) => sum + rate, 0) / wide
    if (Math.min(second[0] ?? 0, mean) >= restored * due) return i * slice - at
  }
  return Number.POSITIVE_INFINITY
}

/** Sessions whose parameters, or whose history, do not have each step once. */
async function notAsCounted(sessions: readonly Session[]): Promise<number> {
  const wrong = await inGroups(sessions, async (session): Promise<number> => {
    const { w } = await session.params()
    const { happened } = await session.history()
    const steps = happened.filter(({ kind }) => kind === 'step').map(({ step }) => step)
    const inOrder = steps.every((step, i) => i === 0 || step === (steps[i - 1] ?? 0) + 1)
    const taken = w?.every((value) => value === -session.currentStep) ?? false
    return inOrder && taken && steps.at(-1) === session.currentStep ? 0 : 1
  })
  return wrong.reduce((sum, each) => sum + each, 0)
}
