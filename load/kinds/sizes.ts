import { type Driven, drive } from '../drive/drive.ts'
import { LeanStream } from '../drive/stream.ts'
import { Wire } from '../drive/wire.ts'
import type { LinePlot } from '../report/report.ts'
import { shown } from '../report/scale.ts'
import type { Outcome, Run, Sizes } from '../scenario.ts'
import { metricIn } from '../target.ts'
import { countedSteps, errorsShown, stagePlot, total } from './shared.ts'

interface Sized {
  readonly parameters: number
  readonly driven: Driven
  /** Of gradients a second, in 10⁶ bytes; of updates it is as much. */
  readonly megabytes: number
  /** Of all cores, milliseconds a step; NaN where the server does not tell. */
  readonly cpu: number
}

/** Autocannon makes text of each answer's bytes, which costs more than a large step: here all is driven by our own. */
export async function sizes(scenario: Sizes, { stage, seconds, say }: Run): Promise<Outcome> {
  const runs: Sized[] = []
  const counted = { lost_steps: 0, doubled_steps: 0 }
  for (const parameters of scenario.parameters) {
    say(`${shown(parameters * 4)}B a step`)
    const spec = { chain: scenario.chain, tensors: [{ name: 'w', shape: [parameters] }] }
    const sessions = await stage.target.open(scenario.sessions, spec)
    const wire = new Wire(stage.target)
    const streams = sessions.map((session) => new LeanStream(wire, session, parameters))
    const cpu = async () => 1000 * metricIn(await stage.target.metrics(), 'process_cpu_seconds_total')
    const before = await cpu()
    const driven = await drive(streams, { seconds, warm: seconds / 4 })
    const spent = (await cpu()) - before
    const taken = streams.reduce((sum, { acknowledged }) => sum + acknowledged, 0)
    const { lost_steps, doubled_steps } = await countedSteps(streams)
    counted.lost_steps += lost_steps
    counted.doubled_steps += doubled_steps
    wire.close()
    await stage.target.forget(sessions)
    const megabytes = (driven.perSecond * parameters * 4) / 1e6
    runs.push({ parameters, driven, megabytes, cpu: spent / taken })
  }

  const gains = runs.slice(1).map(({ megabytes }, i) => megabytes / (runs[i]?.megabytes ?? Number.NaN))
  return {
    section: {
      title: scenario.title,
      notes: [
        scenario.about,
        `${stage.about}; ${scenario.sessions} sessions at a time, ${scenario.chain}, closed loop: the next step as soon as the last one is answered. Gradients and updates are F32.`,
      ],
      tables: [
        {
          title: 'Closed loop, by size',
          columns: [
            'parameters',
            'bytes each way',
            'steps/s',
            'MB/s each way',
            'p50, ms',
            'p99, ms',
            'server CPU, ms a step',
            'busy, %',
            'errors',
          ],
          rows: runs.map(({ parameters, driven, megabytes, cpu }) => {
            const whole = driven.course.whole()
            return [
              parameters,
              `${shown(parameters * 4)}B`,
              driven.perSecond,
              megabytes,
              whole.quantile(0.5),
              whole.quantile(0.99),
              cpu,
              driven.busy * 100,
              errorsShown(driven.errors),
            ]
          }),
        },
      ],
      plots: [
        bySize('Throughput by size: bytes', 'MB/s each way', runs, ({ megabytes }) => megabytes),
        bySize('Throughput by size: steps', 'steps/s', runs, ({ driven }) => driven.perSecond),
        ...stagePlot(
          'Where the time goes, by size',
          runs.map(({ parameters, driven }) => ({ label: `${shown(parameters)}`, stages: driven.stages })),
        ),
      ],
    },
    figures: {
      errors: runs.reduce((sum, { driven }) => sum + total(driven.errors), 0),
      ...counted,
      // 1 where bytes a second are the same for the next size; below, larger bodies are slower a byte.
      least_gain_by_size: Math.min(...gains),
    },
  }
}

const bySize = (
  title: string,
  unit: string,
  runs: readonly Sized[],
  of: (run: Sized) => number,
): LinePlot => ({
  kind: 'lines',
  title,
  x: { title: 'parameters', scale: 'log' },
  y: { title: unit, scale: 'log' },
  series: [{ name: unit, points: runs.map((run) => [run.parameters, of(run)]) }],
})
