import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import type { Table } from './bench/report.ts'
import { shown } from './report/scale.ts'

/** What figures may be, by scenario and name. */
export type Budget = Readonly<Record<string, Readonly<Record<string, Bound>>>>

interface Bound {
  readonly most?: number
  readonly least?: number
}

export interface Verdict {
  readonly scenario: string
  readonly figure: string
  /** Nothing where the scenario did not come to it. */
  readonly measured: number | undefined
  readonly bound: Bound
  readonly met: boolean
}

const common = 'every scenario'
const own = fileURLToPath(new URL('../../load/budget.json', import.meta.url))

/** @throws Error that says where the file is not as it should be */
export function readBudget(file = own): Budget {
  const budget: unknown = JSON.parse(readFileSync(file, 'utf8'))
  for (const [scenario, figures] of Object.entries(budget ?? {}))
    for (const [figure, bound] of Object.entries(figures ?? {})) {
      const limits = Object.entries(bound ?? {})
      const right = limits.every(([side, limit]) => /^(most|least)$/.test(side) && typeof limit === 'number')
      if (limits.length === 0 || !right)
        throw new Error(
          `${file}: ${scenario}, ${figure} is ${JSON.stringify(bound)}, expected {"most": number} or {"least": number}`,
        )
    }
  return budget as Budget
}

/** Every bound held against what was measured; a figure that is not there breaches its bound. */
export function judge(
  budget: Budget,
  scenario: string,
  figures: Readonly<Record<string, number>>,
): readonly Verdict[] {
  const bounds = { ...budget[common], ...budget[scenario] }
  return Object.entries(bounds).map(([figure, bound]) => {
    const measured = figures[figure]
    const { most = Number.POSITIVE_INFINITY, least = Number.NEGATIVE_INFINITY } = bound
    return {
      scenario,
      figure,
      measured,
      bound,
      met: measured !== undefined && measured <= most && measured >= least,
    }
  })
}

export const breaches = (verdicts: readonly Verdict[]): Table => ({
  title: 'Budgets that are breached',
  columns: ['scenario', 'figure', 'measured', 'budget', 'result'],
  rows: verdicts
    .filter(({ met }) => !met)
    .map(({ scenario, figure, measured, bound }) => [
      scenario,
      figure,
      shownFigure(measured),
      shownBound(bound),
      'BREACHED',
    ]),
})

/** A line a scenario, with all of its figures. */
export function budgetTable(verdicts: readonly Verdict[]): Table {
  const scenarios = [...new Set(verdicts.map(({ scenario }) => scenario))]
  return {
    title: 'Figures, and their budgets in brackets',
    columns: ['scenario', 'result', 'figures'],
    rows: scenarios.map((name) => {
      const own = verdicts.filter(({ scenario }) => scenario === name)
      const figures = own.map(
        ({ figure, measured, bound }) => `${figure} ${shownFigure(measured)} (${shownBound(bound)})`,
      )
      return [name, own.every(({ met }) => met) ? 'met' : 'BREACHED', figures.join(' · ')]
    }),
  }
}

const shownFigure = (value: number | undefined): string =>
  value === undefined || Number.isNaN(value)
    ? 'not measured'
    : Number.isFinite(value)
      ? shown(value)
      : 'never'

const shownBound = ({ most, least }: Bound): string =>
  [...(least === undefined ? [] : [`≥ ${least}`]), ...(most === undefined ? [] : [`≤ ${most}`])].join(', ')
