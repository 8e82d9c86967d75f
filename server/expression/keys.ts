import { Expr } from './expr.ts'
import { integer, type Option, optional } from './options.ts'

/** A key of JAX's generator threefry2x32: two whole numbers below 2³². */
export type Key = readonly [Expr, Expr]

/** A whole number that a key is made of; of None the one of 0. */
export const seed = (): Option<number | null> =>
  optional(integer(undefined, { min: -(2 ** 53), max: 2 ** 53 }))

/** The words of a seed's key: its upper and its lower 32 bits. */
export function wordsOf(seed: number): readonly [number, number] {
  const high = Math.floor(seed / 2 ** 32)
  return [high < 0 ? high + 2 ** 32 : high, seed - high * 2 ** 32]
}

/** The key with that number of those that a key is split into. */
export function splitKey(key: Key, index: Expr): Key {
  const extent = index.extent === 'tensor' ? 'tensor' : 'host'
  const word = (which: 0 | 1) => new Expr({ op: 'threefry', word: which }, [...key, index], extent, [], 0)
  return [word(0), word(1)]
}
