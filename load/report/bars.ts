import type { BarPlot } from './report.ts'
import { scaleOf, shown } from './scale.ts'
import { colourOf, element, escaped, label, legend, legendLines } from './svg.ts'

const width = 560
const left = 130
const right = width - 16
const rowHeight = 24

/** Stacked bars, one a row; each part says its value where the pointer is on it. */
export function drawBars({ title, x, parts, rows }: BarPlot): string {
  const wide = width - 32
  const top = 30 + 18 * legendLines(parts, wide)
  const bottom = top + rows.length * rowHeight + 4
  const height = bottom + 44
  const totals = rows.map(({ values }) => values.reduce((sum, value) => sum + value, 0))
  const across = scaleOf({ title: x.title }, totals, left, right)
  const drawn = [
    element('title', {}, escaped(title)),
    label(16, 16, title, { class: 'title' }),
    legend(parts, 16, 36, wide),
    ...across.ticks.map((tick) => {
      const at = across.at(tick)
      return (
        element('line', { x1: at, x2: at, y1: top, y2: bottom, class: 'grid' }) +
        label(at, bottom + 15, shown(tick), { 'text-anchor': 'middle' })
      )
    }),
    ...rows.map((row, i) => {
      const y = top + i * rowHeight + 4
      let before = 0
      const boxes = row.values.map((value, part) => {
        const [x1, x2] = [across.at(before), across.at(before + value)]
        before += value
        const says = element('title', {}, escaped(`${row.label}, ${parts[part]}: ${shown(value)}`))
        const box = { x: x1, y, width: Math.max(0, x2 - x1), height: rowHeight - 8, fill: colourOf(part) }
        return element('rect', box, says)
      })
      return label(left - 8, y + 12, row.label, { 'text-anchor': 'end' }) + boxes.join('')
    }),
    label((left + right) / 2, height - 8, x.title, { 'text-anchor': 'middle' }),
  ]
  return element('svg', { viewBox: `0 0 ${width} ${height}`, role: 'img' }, drawn.join(''))
}
