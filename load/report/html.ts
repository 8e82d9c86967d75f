import type { Cell, Table } from '../bench/report.ts'
import { drawBars } from './bars.ts'
import { drawLines } from './lines.ts'
import type { Plot, Section } from './report.ts'
import { plotStyle, style } from './style.ts'
import { escaped } from './svg.ts'

/** What is above the sections. */
export interface Front {
  readonly title: string
  /** One sentence, as good or bad as the whole run. */
  readonly verdict: { readonly good: boolean; readonly text: string }
  /** What figures depend on, by name. */
  readonly machine: Readonly<Record<string, string>>
}

/** One page that needs nothing else: style, plots and tables are in it. */
export function htmlOf(front: Front, sections: readonly Section[]): string {
  const facts = Object.entries(front.machine).map(
    ([name, value]) => `<dt>${escaped(name)}</dt><dd>${escaped(value)}</dd>`,
  )
  const contents = sections.map(({ title }, i) => `<li><a href="#s${i}">${escaped(title)}</a></li>`)
  return `<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>${escaped(front.title)}</title>
<style>${style}</style>
<body>
<main>
<h1>${escaped(front.title)}</h1>
<p class="verdict ${front.verdict.good ? 'good' : 'bad'}">${escaped(front.verdict.text)}</p>
<dl>${facts.join('')}</dl>
<nav><ol>${contents.join('')}</ol></nav>
${sections.map(sectionHtml).join('\n')}
</main>
</body>
</html>
`
}

function sectionHtml({ title, notes, tables, plots }: Section, i: number): string {
  const said = notes.map((note) => `<p>${escaped(note)}</p>`).join('')
  const drawn = plots.map((plot) => `<figure>${draw(plot)}</figure>`).join('')
  return `<section id="s${i}"><h2>${escaped(title)}</h2>${said}<div class="plots">${drawn}</div>${tables.map(tableHtml).join('')}</section>`
}

/** A plot as a file of its own. */
export const svgOf = (plot: Plot): string =>
  draw(plot)
    .replace('<svg ', '<svg xmlns="http://www.w3.org/2000/svg" font-family="system-ui, sans-serif" ')
    .replace('</title>', `</title><style>${plotStyle}</style><rect width="100%" height="100%" fill="#fff"/>`)

const draw = (plot: Plot): string => (plot.kind === 'lines' ? drawLines(plot) : drawBars(plot))

function tableHtml({ title, columns, rows, notes = [] }: Table): string {
  // A column of numbers has its head to the right as well.
  const numeric = columns.map((_, i) => rows.some((row) => typeof row[i] === 'number'))
  const side = (i: number) => (numeric[i] ? ' class="number"' : '')
  const head = columns.map((column, i) => `<th${side(i)}>${escaped(column)}</th>`).join('')
  const body = rows.map((row) => {
    const cells = row.map((cell, i) => `<td${side(i)}>${cellHtml(cell)}</td>`)
    return `<tr>${cells.join('')}</tr>`
  })
  const said = notes.map((note) => `<p class="note">${escaped(note)}</p>`).join('')
  return `<h3>${escaped(title)}</h3><div class="wide"><table><thead><tr>${head}</tr></thead><tbody>${body.join('')}</tbody></table></div>${said}`
}

function cellHtml(cell: Cell): string {
  if (typeof cell === 'string')
    return cell === 'met' || cell === 'BREACHED' ? `<b class="${cell}">${cell}</b>` : escaped(cell)
  if (!Number.isFinite(cell)) return '–'
  const digits =
    Math.abs(cell) >= 100 || Number.isInteger(cell)
      ? 0
      : Math.abs(cell) >= 10
        ? 1
        : Math.abs(cell) >= 1
          ? 2
          : 3
  return cell.toLocaleString('en-US', { minimumFractionDigits: digits, maximumFractionDigits: digits })
}
