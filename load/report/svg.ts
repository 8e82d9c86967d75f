/** Distinguishable also by those who see few colours (Okabe and Ito), the darker ones first. */
const colours = [
  '#0072b2',
  '#d55e00',
  '#009e73',
  '#cc79a7',
  '#e69f00',
  '#56b4e9',
  '#6b6b6b',
  '#8a6d00',
] as const

export const colourOf = (i: number): string => colours[i % colours.length] ?? colours[0]

export const escaped = (text: string): string => text.replace(/[&<>"]/g, (sign) => `&#${sign.charCodeAt(0)};`)

/** An element: attributes that are numbers are rounded to what can be seen. */
export function element(
  name: string,
  attributes: Readonly<Record<string, string | number>>,
  content = '',
): string {
  const shown = Object.entries(attributes).map(
    ([key, value]) => ` ${key}="${typeof value === 'number' ? Math.round(value * 10) / 10 : escaped(value)}"`,
  )
  return `<${name}${shown.join('')}>${content}</${name}>`
}

export const label = (
  x: number,
  y: number,
  text: string,
  more: Readonly<Record<string, string | number>> = {},
): string => element('text', { x, y, ...more }, escaped(text))

/** Names beside their colours, one after the other, as far as they go in a line. */
export function legend(names: readonly string[], left: number, top: number, width: number): string {
  let [x, y] = [left, top]
  return names
    .map((name, i) => {
      const wide = 30 + name.length * 6.6
      if (x > left && x + wide > left + width) [x, y] = [left, y + 18]
      const drawn =
        element('rect', { x, y: y - 9, width: 12, height: 12, rx: 2, fill: colourOf(i) }) +
        label(x + 17, y + 1, name)
      x += wide
      return drawn
    })
    .join('')
}

/** Lines that `legend` takes. */
export function legendLines(names: readonly string[], width: number): number {
  let [x, lines] = [0, 1]
  for (const name of names) {
    const wide = 30 + name.length * 6.6
    if (x > 0 && x + wide > width) [x, lines] = [0, lines + 1]
    x += wide
  }
  return lines
}
