import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { budgetTable, judge, readBudget } from '../../load/budget.ts'
import { htmlOf, svgOf } from '../../load/report/html.ts'
import type { Section } from '../../load/report/report.ts'
import { scaleOf, shown } from '../../load/report/scale.ts'
import { scenarios } from '../../load/scenarios.ts'

describe('a scale', () => {
  it('begins at 0 and ends at a round number', () => {
    const { at, ticks } = scaleOf({ title: '' }, [3, 41], 100, 200)
    assert.deepEqual(ticks, [0, 10, 20, 30, 40, 50])
    assert.equal(at(25), 150)
    const tight = scaleOf({ title: '' }, [3, 41], 100, 141, true)
    assert.deepEqual([tight.ticks.at(-1), tight.at(41)], [40, 141])
  })

  it('has decades where it is logarithmic, down from high pixels to low ones', () => {
    const { at, ticks } = scaleOf({ title: '', scale: 'log' }, [0.02, 700], 300, 0)
    assert.deepEqual(ticks, [0.1, 1, 10, 100, 1000])
    assert.ok(at(0.02) <= 300 && at(0.02) > at(700))
    assert.deepEqual(scaleOf({ title: '', scale: 'log' }, [3, 30], 0, 1).ticks, [2, 5, 10, 20, 50])
  })

  it('writes three digits', () => {
    assert.deepEqual([0, 0.0123456, 12.345, 65_536, 4_194_304].map(shown), [
      '0',
      '0.0123',
      '12.3',
      '65.5K',
      '4.19M',
    ])
  })
})

describe('the page', () => {
  const section: Section = {
    title: 'Rates <of> steps & more',
    notes: ['A sentence.'],
    tables: [
      {
        title: 'T',
        columns: ['what', 'steps/s'],
        rows: [
          ['a', 1234.5],
          ['b', Number.NaN],
        ],
      },
    ],
    plots: [
      {
        kind: 'lines',
        title: 'Latency over load',
        x: { title: 'steps/s' },
        y: { title: 'latency, ms', scale: 'log' },
        series: [
          {
            name: 'p50',
            points: [
              [1, 0.5],
              [2, 0.7],
              [3, 0],
            ],
          },
        ],
        marks: [{ x: 2, label: 'killed' }],
      },
      {
        kind: 'bars',
        title: 'Stages',
        x: { title: '%' },
        parts: ['read', 'commit'],
        rows: [{ label: '1K', values: [40, 60] }],
      },
    ],
  }
  const page = htmlOf({ title: 'Load', verdict: { good: false, text: '1 of 2' }, machine: { cores: '2' } }, [
    section,
  ])

  it('needs nothing else, and has what it was given', () => {
    assert.doesNotMatch(page, /(src|href)="(?!#)|@import|url\(/)
    assert.equal(page.match(/<svg /g)?.length, 2)
    for (const text of ['Rates &#60;of&#62; steps &#38; more', '1,235', '–', 'killed', 'latency, ms'])
      assert.ok(page.includes(text), text)
  })

  it('has plots that can stand alone', () => {
    for (const plot of section.plots) {
      const svg = svgOf(plot)
      assert.match(svg, /^<svg xmlns="http:\/\/www\.w3\.org\/2000\/svg" .*<style>.*<\/svg>$/s)
      assert.doesNotMatch(svg, /var\(/)
    }
  })

  it('draws no point that is not on its axis', () => {
    assert.doesNotMatch(page, /NaN|Infinity|undefined/)
    assert.equal(page.match(/<circle /g)?.length, 2)
  })
})

describe('the budget', () => {
  it('names scenarios that there are, and holds each to no errors', () => {
    const { 'every scenario': all, ...named } = readBudget()
    assert.deepEqual(all, { errors: { most: 0 }, lost_steps: { most: 0 }, doubled_steps: { most: 0 } })
    const names = [...scenarios.map(({ name }) => name), 'peers']
    assert.deepEqual(
      Object.keys(named).filter((name) => !names.includes(name)),
      [],
    )
  })

  it('is breached by what is too much, too little, not a number or not there', () => {
    const budget = {
      'every scenario': { errors: { most: 0 } },
      soak: { ratio: { most: 5 }, kept: { least: 0.9 }, growth: { most: 2 }, gone: { most: 1 } },
    }
    const found = judge(budget, 'soak', { errors: 0, ratio: 5.1, kept: 0.8, growth: Number.NaN })
    assert.deepEqual(
      found.map(({ figure, met }) => [figure, met]),
      [
        ['errors', true],
        ['ratio', false],
        ['kept', false],
        ['growth', false],
        ['gone', false],
      ],
    )
    const [row] = budgetTable(found).rows
    assert.deepEqual(row?.slice(0, 2), ['soak', 'BREACHED'])
    assert.match(String(row?.[2]), /ratio 5\.1 \(≤ 5\).*gone not measured/)
  })
})
