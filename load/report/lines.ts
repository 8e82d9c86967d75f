import type { LinePlot, Series } from './report.ts'
import { type Scale, scaleOf, shown } from './scale.ts'
import { colourOf, element, escaped, label, legend, legendLines } from './svg.ts'

const width = 560
const height = 300
const left = 58
const right = width - 16

/** Lines over x, with a dot at each point where there are few. */
export function drawLines({ title, x, y, series, marks = [] }: LinePlot): string {
  const names = series.map(({ name }) => name)
  const top = 28 + 18 * legendLines(names, right - left)
  const bottom = height - 44
  const points = series.flatMap((one) => one.points)
  const times = [...points.map(([at]) => at), ...marks.map((mark) => mark.x)]
  const across = scaleOf(x, times, left, right, true)
  const up = scaleOf(
    y,
    points.map(([, value]) => value),
    bottom,
    top,
  )
  const drawn = [
    element('title', {}, escaped(title)),
    label(left, 16, title, { class: 'title' }),
    legend(names, left, 36, right - left),
    grid(across, up, top, bottom),
    label((left + right) / 2, height - 8, x.title, { 'text-anchor': 'middle' }),
    element(
      'text',
      { transform: `translate(13 ${(top + bottom) / 2}) rotate(-90)`, 'text-anchor': 'middle' },
      escaped(y.title),
    ),
    ...series.map((one, i) => line(one, i, across, up)),
    ...marks.map((mark) => markAt(across.at(mark.x), mark.label, top, bottom)),
  ]
  return element('svg', { viewBox: `0 0 ${width} ${height}`, role: 'img' }, drawn.join(''))
}

function grid(across: Scale, up: Scale, top: number, bottom: number): string {
  const rows = up.ticks.map((tick) => {
    const y = up.at(tick)
    return (
      element('line', { x1: left, x2: right, y1: y, y2: y, class: 'grid' }) +
      label(left - 6, y + 4, shown(tick), { 'text-anchor': 'end' })
    )
  })
  const columns = across.ticks.map((tick) => {
    const x = across.at(tick)
    return (
      element('line', { x1: x, x2: x, y1: bottom, y2: bottom + 4, class: 'axis' }) +
      label(x, bottom + 17, shown(tick), { 'text-anchor': 'middle' })
    )
  })
  const axis = element('line', { x1: left, x2: right, y1: bottom, y2: bottom, class: 'axis' })
  return [
    ...rows,
    ...columns,
    axis,
    element('line', { x1: left, x2: left, y1: top, y2: bottom, class: 'axis' }),
  ].join('')
}

function line({ name, points }: Series, i: number, across: Scale, up: Scale): string {
  const drawable = points.filter(
    ([at, value]) => Number.isFinite(across.at(at)) && Number.isFinite(up.at(value)),
  )
  const places = drawable.map(([at, value]) => [across.at(at), up.at(value)] as const)
  const path = places.map(([x, y]) => `${x.toFixed(1)},${y.toFixed(1)}`).join(' ')
  const dots = places.map(([x, y], k) => {
    const [at = 0, value = 0] = drawable[k] ?? []
    const says = element('title', {}, escaped(`${name}: ${shown(value)} at ${shown(at)}`))
    return element('circle', { cx: x, cy: y, r: 3, fill: colourOf(i) }, says)
  })
  return (
    element('polyline', { points: path, fill: 'none', stroke: colourOf(i), 'stroke-width': 1.8 }) +
    (points.length <= 40 ? dots.join('') : '')
  )
}

function markAt(x: number, text: string, top: number, bottom: number): string {
  const end = x > (left + right) / 2
  return (
    element('line', { x1: x, x2: x, y1: top, y2: bottom, class: 'mark' }) +
    label(x + (end ? -5 : 5), top + 12, text, { 'text-anchor': end ? 'end' : 'start', class: 'mark' })
  )
}
