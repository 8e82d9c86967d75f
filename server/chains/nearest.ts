/**
 * The names that a wrong one may have been meant for, best first: the same but for case, dashes and underscores
 * (`AdamW` is `adamw`), but for `scale_by_` (`rms` is `scale_by_rms`), a few typing errors away, or made of the
 * same words (`clip_norm` is `clip_by_global_norm`). Of longer names only the first 200 characters count.
 */
export const nearest = (name: string, among: Iterable<string>, limit = 3): string[] => {
  const wanted = toForm(name)
  return [...among]
    .map((candidate) => ({ candidate, distance: distanceBetween(wanted, toForm(candidate)) }))
    .filter(({ distance }) => distance < Infinity)
    .sort((a, b) => a.distance - b.distance || (a.candidate < b.candidate ? -1 : 1))
    .slice(0, limit)
    .map(({ candidate }) => candidate)
}

/** A name as far as it tells names apart. */
interface Form {
  readonly words: readonly string[]
  /** All words together. */
  readonly key: string
  /** The key without a leading `scale_by_`. */
  readonly stem: string
}

const toForm = (name: string): Form => {
  const last = name.slice(0, 200).split('.').at(-1) ?? ''
  const spaced = last.replaceAll(/([a-z0-9])([A-Z])/g, '$1_$2').toLowerCase()
  const words = spaced.split(/[^a-z0-9]+/).filter((word) => word !== '')
  const key = words.join('')
  return { words, key, stem: key.startsWith('scaleby') ? key.slice('scaleby'.length) : key }
}

const distanceBetween = (wanted: Form, candidate: Form): number => {
  if (wanted.key === '' || candidate.key === '') return Infinity
  if (wanted.key === candidate.key) return 0
  if (wanted.stem === candidate.stem) return 0.5
  const cutoff = Math.min(4, Math.max(1, Math.floor(wanted.stem.length / 3)))
  return Math.min(typingErrors(wanted.stem, candidate.stem, cutoff), wordsApart(wanted, candidate))
}

/**
 * A candidate with all the words of the wanted name counts as one or two typing errors, the more the longer it is;
 * one that is a part of the wanted name, as `lion` of `lion_optimizer`, comes after all others. A single letter
 * begins too many words to say anything.
 */
const wordsApart = (wanted: Form, candidate: Form): number => {
  const letters = Math.abs(wanted.key.length - candidate.key.length) / 10
  const begins = (word: string) => word.length > 1 && candidate.words.some((other) => other.startsWith(word))
  if (wanted.words.every(begins)) return 1 + letters
  return candidate.words.every((word) => wanted.words.includes(word)) ? 10 + letters : Infinity
}

/**
 * Letters to insert, leave out, replace, or swap with their neighbour to make one name of the other: the
 * Damerau–Levenshtein distance, where no letter is changed twice. Infinity beyond the cutoff, so that only the
 * band |i − j| ≤ cutoff need be computed.
 *
 *     d(i, j) = min(d(i−1, j) + 1, d(i, j−1) + 1, d(i−1, j−1) + [aᵢ ≠ bⱼ], d(i−2, j−2) + 1 if swapped)
 *
 * @see Damerau, A technique for computer detection and correction of spelling errors, CACM 7(3), 1964
 */
const typingErrors = (a: string, b: string, cutoff: number): number => {
  if (Math.abs(a.length - b.length) > cutoff) return Infinity
  let before: readonly number[] = []
  let row: readonly number[] = Array.from({ length: b.length + 1 }, (_, j) => j)
  for (let i = 1; i <= a.length; i++) {
    const next = [i]
    for (let j = Math.max(1, i - cutoff); j <= Math.min(b.length, i + cutoff); j++) {
      const isSame = a[i - 1] === b[j - 1]
      const isSwapped = i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1]
      next[j] = Math.min(
        at(row, j) + 1,
        at(next, j - 1) + 1,
        at(row, j - 1) + (isSame ? 0 : 1),
        isSwapped ? at(before, j - 2) + 1 : Infinity,
      )
    }
    before = row
    row = next
  }
  const distance = at(row, b.length)
  return distance <= cutoff ? distance : Infinity
}

/** Infinity outside the band. */
const at = (row: readonly number[], index: number): number => row[index] ?? Infinity
