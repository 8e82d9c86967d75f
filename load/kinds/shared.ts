import type { Session } from '../../client/typescript/index.ts'
import type { Cell, Table } from '../bench/report.ts'
import type { Driven } from '../drive/drive.ts'
import type { Stream } from '../drive/stream.ts'
import { quantiles } from '../measure/latencies.ts'
import { type Stages, stageNames } from '../measure/stages.ts'
import type { BarPlot, LinePlot } from '../report/report.ts'
import { shown } from '../report/scale.ts'
import { inGroups } from '../target.ts'

export const total = (errors: ReadonlyMap<string, number>): number =>
  [...errors.values()].reduce((sum, count) => sum + count, 0)

/** What was acknowledged, held against what the server says: both ways 0, or steps were lost or taken twice. */
export async function countedSteps(
  streams: readonly Stream[],
): Promise<{ readonly lost_steps: number; readonly doubled_steps: number }> {
  const off = await inGroups(streams, async ({ session, acknowledged }) => {
    const { step } = await session.describe()
    return step - acknowledged
  })
  return {
    lost_steps: off.reduce((sum, each) => sum + Math.max(0, -each), 0),
    doubled_steps: off.reduce((sum, each) => sum + Math.max(0, each), 0),
  }
}

/** Ask where all of them are: unnumbered steps may have been taken since. */
export const caughtUp = (sessions: readonly Session[]) => inGroups(sessions, (session) => session.describe())

export interface Measured {
  readonly label: string
  /** Steps a second that were due; nothing in a closed loop. */
  readonly due?: number
  readonly driven: Driven
}

/** Latencies of several runs, a row each. */
export function latencyTable(title: string, runs: readonly Measured[]): Table {
  return {
    title,
    columns: [
      'run',
      'due, steps/s',
      'done, steps/s',
      ...quantiles.map(([name]) => `${name}, ms`),
      'max, ms',
      'p99 / p50',
      'late p99, ms',
      'busy, %',
      'stolen, %',
      'errors',
    ],
    rows: runs.map(({ label, due, driven }) => {
      const whole = driven.course.whole()
      return [
        label,
        due ?? 'closed',
        driven.perSecond,
        ...quantiles.map(([, q]) => whole.quantile(q)),
        whole.max,
        whole.quantile(0.99) / whole.quantile(0.5),
        driven.late.quantile(0.99),
        driven.busy * 100,
        driven.steal.share * 100,
        errorsShown(driven.errors),
      ]
    }),
  }
}

export const errorsShown = (errors: ReadonlyMap<string, number>): Cell =>
  errors.size === 0 ? 0 : [...errors].map(([what, count]) => `${count} × ${what}`).join('; ')

/** Where the time of a step goes, in percent of what the stages took. */
export function stagePlot(
  title: string,
  rows: readonly { readonly label: string; readonly stages: Stages }[],
): BarPlot[] {
  const parts = stageNames.filter((name) => rows.some(({ stages }) => stages.mean(name) > 0))
  if (parts.length === 0) return []
  return [
    {
      kind: 'bars',
      title,
      x: { title: 'share of the time in the server, %' },
      parts,
      rows: rows.map(({ label, stages }) => {
        const means = parts.map((name) => stages.mean(name))
        const all = means.reduce((sum, mean) => sum + mean, 0)
        return {
          label: `${label}: ${shown(all)} ms`,
          values: means.map((mean) => (100 * mean) / all),
        }
      }),
    },
  ]
}

/** p50 and p99 as time goes. */
export const latencyOverTime = (
  title: string,
  { course }: Driven,
  marks: LinePlot['marks'] = [],
): LinePlot => ({
  kind: 'lines',
  title,
  x: { title: 'time, s' },
  y: { title: 'latency, ms', scale: 'log' },
  series: [
    { name: 'p50', points: course.quantile(0.5) },
    { name: 'p99', points: course.quantile(0.99) },
  ],
  marks,
})

/** What of the processors the hypervisor gave to others as time goes. Nothing where that is nothing. */
export const stealOverTime = ({ steal }: Driven): LinePlot[] =>
  steal.share === 0
    ? []
    : [
        {
          kind: 'lines',
          title: 'What others took of the machine',
          x: { title: 'time, s' },
          y: { title: 'share of the processors’ time, %' },
          series: [{ name: 'steal', points: steal.percent() }],
        },
      ]

export const throughputOverTime = (
  title: string,
  { course }: Driven,
  marks: LinePlot['marks'] = [],
): LinePlot => ({
  kind: 'lines',
  title,
  x: { title: 'time, s' },
  y: { title: 'acknowledged steps/s' },
  series: [{ name: `in slices of ${Math.round(course.slice * 1000)} ms`, points: course.rates() }],
  marks,
})
