import { smoother } from './smooth.ts'

export interface Curve {
  readonly title: string
  readonly subtitle: string
  /** One loss a step. */
  readonly losses: readonly number[]
  /** How many there will be (default: as there are). */
  readonly steps?: number
}

const WIDTH = 880
const HEIGHT = 480
const PLOT = { left: 72, right: WIDTH - 28, top: 84, bottom: HEIGHT - 60 }

const STYLE = `
  svg { --paper: #fff; --ink: #1f2328; --faint: #656d76; --grid: #e4e7eb; --raw: #b4d2f7; --line: #0b5fcc }
  @media (prefers-color-scheme: dark) {
    svg { --paper: #0d1117; --ink: #e6edf3; --faint: #9198a1; --grid: #262c36; --raw: #28578f; --line: #6cb0ff }
  }
  text { font: 13px ui-sans-serif, system-ui, -apple-system, 'Segoe UI', Roboto, sans-serif; fill: var(--faint) }
  .title { font-size: 17px; font-weight: 600; fill: var(--ink) }
  .paper { fill: var(--paper) }
  .grid { stroke: var(--grid) }
  .axis { stroke: var(--faint) }
  polyline { fill: none; stroke-linejoin: round }
  .raw { stroke: var(--raw); stroke-width: 1 }
  .line { stroke: var(--line); stroke-width: 2.25 }`

/** The loss over the steps as an SVG that stands alone: logarithmic, raw and smoothed, for light and dark. */
export function drawCurve({ title, subtitle, losses: all, steps: planned }: Curve): string {
  const losses = drawable(all)
  const steps = planned ?? losses.length
  const smoothed = losses.map(smoother())
  const low = Math.log10(Math.min(...losses, 1)) - 0.04
  const high = Math.log10(Math.max(...losses)) + 0.04
  const x = (step: number): number => scale((step - 1) / Math.max(1, steps - 1), PLOT.left, PLOT.right)
  const y = (loss: number): number => scale((Math.log10(loss) - low) / (high - low), PLOT.bottom, PLOT.top)
  const line = (name: string, values: readonly number[]): string =>
    `<polyline class="${name}" points="${values.map((loss, i) => `${x(i + 1).toFixed(1)},${y(loss).toFixed(1)}`).join(' ')}"/>`

  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${HEIGHT}" role="img" aria-label="${escapeXml(`${title}: ${subtitle}`)}">
<style>${STYLE}
</style>
<rect class="paper" width="${WIDTH}" height="${HEIGHT}" rx="8"/>
<text class="title" x="${PLOT.left}" y="36">${escapeXml(title)}</text>
<text x="${PLOT.left}" y="58">${escapeXml(subtitle)}</text>
${lossTicks(low, high)
  .map((loss) => lossTick(loss, y(loss)))
  .join('\n')}
${stepTicks(steps)
  .map((step) => stepTick(step, x(step)))
  .join('\n')}
<line class="axis" x1="${PLOT.left}" x2="${PLOT.right}" y1="${PLOT.bottom}" y2="${PLOT.bottom}"/>
<text x="${(PLOT.left + PLOT.right) / 2}" y="${HEIGHT - 16}" text-anchor="middle">step</text>
<text transform="translate(20 ${(PLOT.top + PLOT.bottom) / 2}) rotate(-90)" text-anchor="middle">training loss</text>
${line('raw', losses)}
${line('line', smoothed)}
${legend()}
</svg>
`
}

/** What a logarithmic axis can show: up to where the training diverged, and no zeros. */
function drawable(losses: readonly number[]): readonly number[] {
  const end = losses.findIndex((loss) => !Number.isFinite(loss))
  return losses.slice(0, end < 0 ? losses.length : end).map((loss) => Math.max(loss, 1e-6))
}

const scale = (share: number, from: number, to: number): number => from + share * (to - from)

const lossTick = (loss: number, y: number): string =>
  `<line class="grid" x1="${PLOT.left}" x2="${PLOT.right}" y1="${y.toFixed(1)}" y2="${y.toFixed(1)}"/>` +
  `<text x="${PLOT.left - 10}" y="${(y + 4.5).toFixed(1)}" text-anchor="end">${loss}</text>`

const stepTick = (step: number, x: number): string =>
  `<line class="axis" x1="${x.toFixed(1)}" x2="${x.toFixed(1)}" y1="${PLOT.bottom}" y2="${PLOT.bottom + 5}"/>` +
  `<text x="${x.toFixed(1)}" y="${PLOT.bottom + 21}" text-anchor="middle">${step}</text>`

const legend = (): string =>
  [
    ['raw', 'every step'],
    ['line', 'smoothed'],
  ]
    .map(([name, label], i) => {
      const left = PLOT.right - 200 + 110 * i
      return `<polyline class="${name}" points="${left},54 ${left + 22},54"/><text x="${left + 28}" y="58">${label}</text>`
    })
    .join('\n')

/** 1, 2 and 5 of every decade between the two logarithms. */
function lossTicks(low: number, high: number): readonly number[] {
  const decades = Array.from({ length: Math.ceil(high) - Math.floor(low) }, (_, i) => Math.floor(low) + i)
  return decades
    .flatMap((decade) => [1, 2, 5].map((digit) => Number(`${digit}e${decade}`)))
    .filter((loss) => Math.log10(loss) >= low && Math.log10(loss) <= high)
}

/** Five to ten round numbers up to the last step. */
function stepTicks(steps: number): readonly number[] {
  const decade = 10 ** Math.floor(Math.log10(steps / 5))
  const stride = Math.max(1, [5, 2, 1].map((digit) => digit * decade).find((size) => steps / size >= 5) ?? 1)
  return Array.from({ length: Math.floor(steps / stride) }, (_, i) => (i + 1) * stride)
}

const escapeXml = (text: string): string =>
  text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;').replaceAll('"', '&quot;')
