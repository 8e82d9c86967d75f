import type { Option, Setting } from './options.ts'
import { Refusal } from './refusal.ts'

/** Axes that a tensor may have. */
const most = 32

const isAxis = (s: Setting) => Number.isInteger(s) && Math.abs(s as number) <= most
const asList = (s: Setting) => (Array.isArray(s) ? s : [s]) as readonly number[]

/** An axis or several, as numpy counts them: −1 is the last. */
export function axes(): Option<readonly number[]> {
  return {
    type: 'axis | list of axes',
    refuse(s) {
      const axes: readonly Setting[] = Array.isArray(s) ? s : [s]
      return axes.length <= most && axes.every(isAxis)
        ? undefined
        : 'expected an axis such as -1, or a list of them'
    },
    canonical: (s) => (Array.isArray(s) && s.length === 1 ? (s[0] as Setting) : s),
    bind: asList,
  }
}

/**
 * Axes of a tensor, counted from the first.
 *
 * @throws Refusal where the tensor has no such axis, or one is named twice
 */
export function axesIn(
  axes: readonly number[],
  { name, rank }: { readonly name: string; readonly rank: number },
): readonly number[] {
  const counted = axes.map((axis) => (axis < 0 ? axis + rank : axis))
  const wrong = axes.find((_, i) => !((counted[i] ?? -1) >= 0 && (counted[i] ?? 0) < rank))
  if (wrong !== undefined) throw new Refusal(`The tensor ${name} of rank ${rank} has no axis ${wrong}`)
  if (new Set(counted).size < counted.length)
    throw new Refusal(
      `The axes ${axes.join(', ')} of the tensor ${name} of rank ${rank} are not different ones`,
    )
  return counted
}
