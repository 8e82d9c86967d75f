import { flags } from './native.ts'
import { chains, type Measured } from './plans.ts'
import { atLeast, atMost, type Goal, type Table } from './report.ts'
import type { Results } from './rounds.ts'

/** A chain, raced. */
export interface Raced {
  readonly chain: Measured
  readonly parameters: number
  readonly results: Results
}

const nameOf = ({ chain, row }: Measured) => `${chain}${row === undefined ? '' : `, rows of ${row}`}`

/** Passes with everything in its place in memory: what C does too. */
export function passTable(raced: readonly Raced[]): Table {
  return {
    title: `Passes over ${raced[0]?.parameters} parameters: nothing copied in or out`,
    columns: [
      ...['chain', 'B/param', 'ms', 'ns/param', '% of copy', 'C, ms', 'wasm/C', 'best/best'],
      ...['2 threads, ms', '% of copy', 'C, ms', '1 thread/2'],
    ],
    rows: raced.map(({ chain, parameters, results }) => {
      const share = (threads: number) =>
        ((100 * chain.bytes) / 8) * results.ratio(`copy ${threads}`, `wasm ${threads}`)
      return [
        nameOf(chain),
        chain.bytes,
        results.median('wasm 1'),
        (results.median('wasm 1') * 1e6) / parameters,
        share(1),
        results.median('C 1'),
        results.ratio('wasm 1', 'C 1'),
        results.bestRatio('wasm 1', 'C 1'),
        results.median('wasm 2'),
        share(2),
        results.median('C 2'),
        results.ratio('wasm 1', 'wasm 2'),
      ]
    }),
    notes: [
      'B/param: what must be read and written. % of copy: of the bandwidth of memcpy in C with as many threads.',
      `C: kernels.c by gcc ${flags.join(' ')}, state in place, the update apart, the same arithmetic.`,
      'lion is written with transformation() in plans.ts: no transformation of the catalogue takes a sign.',
      'wasm/C: median of the ratios within a round; best/best: of the best rounds.',
      'The engine is given its passes several times in a row, as C is.',
    ],
  }
}

/** Passes against ops that run one by one, and whole steps. */
export function stepTable(
  raced: readonly Raced[],
  rivals: readonly string[],
  missing: readonly string[],
): Table {
  return {
    title: 'Ops one by one, and whole steps: gradients copied in',
    columns: [
      ...['chain', 'pass, ms', 'in a step', 'step, ms', '2 threads'],
      ...rivals.flatMap((name) => [`${name}, ms`, '/pass', 'whole, ms', '/step']),
    ],
    rows: raced.map(({ chain, results }) => [
      nameOf(chain),
      results.median('wasm 1'),
      results.median('wasm 1', 'within'),
      results.median('wasm 1', 'step'),
      results.median('wasm 2', 'step'),
      ...rivals.flatMap((name) => [
        results.median(name),
        results.ratio(name, 'wasm 1'),
        results.median(name, 'step'),
        results.ratio(name, 'wasm 1', 'step'),
      ]),
    ]),
    notes: [
      'in a step: the pass as it runs once, after the copy.',
      'whole: with the gradient made a tensor and the update read back.',
      ...missing,
    ],
  }
}

/** What the passes are held to. */
export function goalsOf(raced: readonly Raced[]): Goal[] {
  const { momentum, lion, adam, adamw } = chains
  const named: readonly Measured[] = [momentum, lion, adam, adamw]
  return raced.flatMap(({ chain, results }) => {
    const row = chain.row ?? Number.POSITIVE_INFINITY
    return [
      ...(named.includes(chain)
        ? [
            atMost(`${nameOf(chain)}: pass on one thread / C`, results.ratio('wasm 1', 'C 1'), 1.25),
            atLeast(`${nameOf(chain)}: tfjs-wasm / pass`, results.ratio('tfjs-wasm', 'wasm 1'), 8),
          ]
        : []),
      ...(row <= 4000
        ? [atMost(`${nameOf(chain)}: pass / adam(1e-3)`, results.ratio('wasm 1', 'plain adam'), 1.3)]
        : []),
    ]
  })
}
