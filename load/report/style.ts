/** The look of plots, wherever they are. */
export const plotStyle = `\
svg { width: 100%; height: auto; display: block; font-size: 11.5px; fill: #1c2733 }
svg .title { font-size: 13.5px; font-weight: 600 }
svg .grid { stroke: #e8edf1; stroke-width: 1 }
svg .axis { stroke: #8896a3; stroke-width: 1 }
svg line.mark { stroke: #b3261e; stroke-width: 1.2; stroke-dasharray: 4 3 }
svg text.mark { fill: #b3261e; paint-order: stroke; stroke: #fff; stroke-width: 4px }`

/** The look of the page, light and printable. */
export const style = `
:root { color-scheme: light; --ink: #1c2733; --dim: #5a6774; --rule: #dde3e9; --good: #0a7a52; --bad: #b3261e }
* { box-sizing: border-box }
body { margin: 0; background: #f5f7f9; color: var(--ink); font: 15px/1.5 system-ui, 'Segoe UI', 'DejaVu Sans', sans-serif }
main { max-width: 1200px; margin: 0 auto; padding: 28px 24px 60px }
h1 { font-size: 26px; margin: 0 0 8px }
h2 { font-size: 20px; margin: 0 0 6px }
h3 { font-size: 15px; margin: 18px 0 6px }
p { margin: 0 0 6px; max-width: 100ch }
a { color: #0057a0; text-decoration: none }
a:hover { text-decoration: underline }
.verdict { font-weight: 600; padding: 8px 14px; border-radius: 6px; display: inline-block }
.verdict.good { background: #e3f4ec; color: var(--good) }
.verdict.bad { background: #fbe9e7; color: var(--bad) }
dl { display: grid; grid-template-columns: max-content 1fr; gap: 2px 16px; margin: 12px 0; color: var(--dim) }
dt { font-weight: 600 } dd { margin: 0 }
nav ol { columns: 3; padding-left: 22px; margin: 12px 0 20px }
section { background: #fff; border: 1px solid var(--rule); border-radius: 8px; padding: 18px 20px; margin: 0 0 18px }
.plots { display: grid; grid-template-columns: repeat(auto-fit, minmax(440px, 1fr)); gap: 14px; margin: 10px 0 0 }
figure { margin: 0; border: 1px solid var(--rule); border-radius: 6px; padding: 8px; max-width: 640px }
${plotStyle}
.wide { overflow-x: auto }
table { border-collapse: collapse; font-size: 13px; font-variant-numeric: tabular-nums }
th, td { padding: 4px 9px; border-bottom: 1px solid var(--rule); text-align: left; vertical-align: top }
th, td:first-child, .number { white-space: nowrap }
th { color: var(--dim); font-weight: 600 }
.number { text-align: right }
.note { color: var(--dim); font-size: 13px; margin: 4px 0 0 }
.met { color: var(--good) } .BREACHED { color: var(--bad) }
@media (max-width: 700px) { nav ol { columns: 1 } .plots { grid-template-columns: 1fr } }
`
