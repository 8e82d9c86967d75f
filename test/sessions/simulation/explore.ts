import { decidedByTheLog, determined } from './scenarios.ts'
import type { Planted } from './wire.ts'
import { type Run, undisturbed, World } from './world.ts'

export interface Found {
  readonly runs: number
  readonly events: number
  readonly crashes: number
  readonly faults: number
  /** The first run that went wrong, and in which scenario. */
  readonly wrong?: Run & { readonly scenario: string }
}

/** Runs by seeds in turn over all scenarios, until one goes wrong. */
export async function explore(
  { first, runs, planted }: { readonly first: number; readonly runs: number; readonly planted?: Planted },
  progress: (done: number) => void = () => {},
): Promise<Found> {
  const scenarios = [
    ...(await Promise.all(
      determined.map(async (scenario) => ({ scenario, expected: await undisturbed(scenario) })),
    )),
    ...decidedByTheLog.map((scenario) => ({ scenario, expected: undefined })),
  ]
  const sum = { events: 0, crashes: 0, faults: 0 }
  for (let k = 0; k < runs; k++) {
    const seed = first + k
    const chosen = scenarios[seed % scenarios.length]
    if (chosen === undefined) continue
    const run = await new World(chosen.scenario, seed, planted).run(seed, chosen.expected)
    sum.events += run.events
    sum.crashes += run.crashes
    sum.faults += run.faults
    if (run.violation !== undefined)
      return { ...sum, runs: k + 1, wrong: { ...run, scenario: chosen.scenario.name } }
    progress(k + 1)
  }
  return { ...sum, runs }
}
