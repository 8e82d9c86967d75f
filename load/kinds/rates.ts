import { unnumbered } from '../drive/bodies.ts'
import { capacity } from '../drive/capacity.ts'
import { drive } from '../drive/drive.ts'
import { evenly } from '../drive/schedule.ts'
import { LeanStream } from '../drive/stream.ts'
import { Wire } from '../drive/wire.ts'
import { type Latencies, quantiles } from '../measure/latencies.ts'
import { MemoryWatch } from '../measure/memory.ts'
import { enough } from '../measure/steal.ts'
import type { LinePlot } from '../report/report.ts'
import { shown } from '../report/scale.ts'
import type { Outcome, Rates, Run } from '../scenario.ts'
import {
  caughtUp,
  countedSteps,
  errorsShown,
  latencyOverTime,
  latencyTable,
  type Measured,
  stagePlot,
  stealOverTime,
  total,
} from './shared.ts'

/** The share that figures are of, where it is among those that are run. */
const judged = 0.7

export async function rates(scenario: Rates, { stage, seconds, say }: Run): Promise<Outcome> {
  const { target } = stage
  const { chain, parameters, shares } = scenario
  say(`opening ${scenario.sessions} sessions`)
  const sessions = await target.open(scenario.sessions, {
    chain,
    tensors: [{ name: 'w', shape: [parameters] }],
  })
  say('capacity, closed loop')
  const most = await capacity(target, sessions, unnumbered(parameters), Math.min(seconds, 15))
  await caughtUp(sessions)
  const taken = sessions.reduce((sum, { currentStep }) => sum + currentStep, 0)

  const wire = new Wire(target)
  const streams = sessions.map((session) => new LeanStream(wire, session, parameters))
  const memory = new MemoryWatch(stage, seconds * shares.length)
  const runs: (Measured & { readonly share: number })[] = []
  for (const share of shares) {
    const due = share * most.perSecond
    say(`open loop, ${Math.round(due)} steps/s`)
    const plan = { seconds, warm: Math.min(10, seconds / 5), schedule: evenly(streams.length, due) }
    const driven = await drive(streams, plan)
    runs.push({ label: `${Math.round(share * 100)} % of capacity`, share, due, driven })
  }
  await memory.stop()
  const counted = await countedSteps(streams)
  wire.close()
  await target.forget(sessions)

  const judge = runs.findLast(({ share }) => share <= judged) ?? runs[0]
  const whole = judge?.driven.course.whole()
  const spared = judge?.driven.course.whole((slice) => judge.driven.steal.spared(slice))
  const part = whole === undefined || spared === undefined ? 0 : spared.count / whole.count
  const closed = most.course.whole()
  const errors = total(most.errors) + runs.reduce((sum, { driven }) => sum + total(driven.errors), 0)
  return {
    section: {
      title: scenario.title,
      notes: [
        scenario.about,
        `${stage.about}; ${scenario.sessions} sessions of ${parameters} parameters, ${chain}.`,
        `Capacity, closed loop by autocannon: ${Math.round(most.perSecond)} steps/s (p50 ${ms(closed.quantile(0.5))}, p99 ${ms(closed.quantile(0.99))}, generator busy ${Math.round(most.busy * 100)} %, errors ${errorsShown(most.errors)}); ${most.answered} answers, ${taken} steps taken.`,
        `Others took ${percent(most.stolen)} of the processors’ time meanwhile${Number.isNaN(most.spared) ? '' : `; where they took less than 1 %, capacity was ${Math.round(most.spared)} steps/s`}.`,
        ...(judge === undefined ? [] : [sparedShown(judge, part, spared, most.spared)]),
      ],
      tables: [latencyTable('Open loop: latency from when a step was due', runs)],
      plots: [
        ...(runs.length > 1 ? [overLoad(runs)] : []),
        ...(judge && runs.length < 3
          ? [latencyOverTime(`Latency at ${judge.label}`, judge.driven), ...stealOverTime(judge.driven)]
          : []),
        ...stagePlot(
          'Where the time goes',
          runs.map(({ label, driven }) => ({
            label: label.replace(' of capacity', ''),
            stages: driven.stages,
          })),
        ),
        ...memoryPlot(memory),
      ],
    },
    figures: {
      errors,
      ...counted,
      p99_over_p50: tailOf(whole),
      // Where others take the machine away, what is slow is not the server alone.
      p99_over_p50_spared: part >= enough ? tailOf(spared) : Number.NaN,
      // Of a server that does not keep up both are large, and p99 / p50 is small.
      p50_over_closed: (whole?.quantile(0.5) ?? Number.NaN) / closed.quantile(0.5),
      rate_kept: judge === undefined ? Number.NaN : judge.driven.perSecond / (judge.due ?? Number.NaN),
      memory_growth: memory.growth(),
    },
  }
}

const tailOf = (latencies: Latencies | undefined): number =>
  latencies === undefined ? Number.NaN : latencies.quantile(0.99) / latencies.quantile(0.5)

const ms = (value = Number.NaN) => `${value.toPrecision(3)} ms`
const percent = (share: number) => `${shown(100 * share)} %`

/** What is known of the steps in the time in which others left the machine alone. */
function sparedShown(
  { label, due = Number.NaN }: Measured,
  part: number,
  spared: Latencies | undefined,
  most: number,
): string {
  const steps = `${percent(part)} of the steps at ${label} ended where others took less than 1 %, now and in the slice of time before, and what they had held up was made up for`
  if (!(part >= enough)) return `${steps}: too few to tell more of.`
  const load = Number.isNaN(most) ? '' : `; there that load is ${percent(due / most)} of capacity`
  return `${steps}: p50 ${ms(spared?.quantile(0.5))}, p99 ${ms(spared?.quantile(0.99))}${load}.`
}

const overLoad = (runs: readonly Measured[]): LinePlot => ({
  kind: 'lines',
  title: 'Latency over load',
  x: { title: 'steps/s, open loop' },
  y: { title: 'latency, ms', scale: 'log' },
  series: quantiles.map(([name, q]) => ({
    name,
    points: runs.map(({ due = 0, driven }) => [due, driven.course.whole().quantile(q)]),
  })),
})

function memoryPlot(memory: MemoryWatch): LinePlot[] {
  const series = memory.series()
  if (series.length === 0) return []
  return [{ kind: 'lines', title: 'Memory', x: { title: 'time, s' }, y: { title: 'MiB' }, series }]
}
