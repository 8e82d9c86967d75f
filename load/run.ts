import { type Budget, judge, type Verdict } from './budget.ts'
import { burst } from './kinds/burst.ts'
import { cold } from './kinds/cold.ts'
import { interrupted } from './kinds/interrupted.ts'
import { rates } from './kinds/rates.ts'
import { sizes } from './kinds/sizes.ts'
import { workers } from './kinds/workers.ts'
import type { Section } from './report/report.ts'
import type { Outcome, Run, Scenario } from './scenario.ts'
import type { Settings } from './settings.ts'
import { remoteStage, startStage } from './stage/start.ts'

export interface Result {
  readonly scenario: string
  readonly section: Section
  readonly figures: Readonly<Record<string, number>>
  readonly verdicts: readonly Verdict[]
  /** Why it has no figures. */
  readonly failed?: string
}

/** One scenario on a stage of its own. One that fails has no figures, and breaches its budget. */
export async function runScenario(
  scenario: Scenario,
  { url, key, secondsOf }: Pick<Settings, 'url' | 'key' | 'secondsOf'>,
  budget: Budget,
): Promise<Result> {
  const say = (text: string) => process.stderr.write(`${scenario.name}: ${text}\n`)
  const { name } = scenario
  try {
    say(url ?? `starting ${scenario.stage}`)
    const stage = url === undefined ? await startStage(scenario.stage) : remoteStage(url, key)
    try {
      const { section, figures } = await measure(scenario, { stage, seconds: secondsOf(scenario), say })
      const verdicts = judge(budget, name, figures)
      return { scenario: name, section, figures, verdicts }
    } finally {
      await stage.stop()
    }
  } catch (error) {
    const failed = error instanceof Error ? (error.stack ?? error.message) : String(error)
    say(failed)
    const section = {
      title: scenario.title,
      notes: [scenario.about, `Failed: ${failed}`],
      tables: [],
      plots: [],
    }
    return { scenario: name, section, figures: {}, verdicts: judge(budget, name, {}), failed }
  }
}

function measure(scenario: Scenario, run: Run): Promise<Outcome> {
  switch (scenario.kind) {
    case 'rates':
      return rates(scenario, run)
    case 'burst':
      return burst(scenario, run)
    case 'sizes':
      return sizes(scenario, run)
    case 'workers':
      return workers(scenario, run)
    case 'cold':
      return cold(scenario, run)
    case 'interrupted':
      return interrupted(scenario, run)
  }
}
