import { Problem } from '../../schemas/errors.ts'
import type { Engine } from '../../server/engines/engine.ts'
import { seeded } from '../chains/random.ts'
import { drawChain } from './chains.ts'
import { type Difference, farthest, isWithin } from './compare.ts'
import { run } from './engines.ts'
import { drawInputs, type Inputs } from './inputs.ts'
import type { Distances, Oracle } from './oracle.ts'

export interface Case {
  readonly index: number
  readonly chain: string
  readonly inputs: Inputs
}

/** The chain of that index among those of the seed, and what it is given. */
export function drawCase(seed: number, index: number): Case {
  const random = seeded(Math.imul(seed + 1, 0x9e3779b1) ^ Math.imul(index + 1, 0x85ebca6b))
  // Neighbouring seeds begin alike.
  for (let i = 0; i < 16; i++) random(2)
  return { index, chain: drawChain(random), inputs: drawInputs(random) }
}

export type EngineName = 'reference' | 'wasm'
export type Engines = Readonly<Record<EngineName, Engine>>

const precisions = {
  reference: { dtype: 'F64', unit: 'float64', relative: 1e-9 },
  wasm: { dtype: 'F32', unit: 'float32', relative: 1e-5 },
} as const

/** Rounding to bfloat16 goes either way for numbers that differ in the last place of float32. */
const bfloat16 = { chain: /bfloat16/, relative: 2 ** -8 } as const

/** Of what Optax itself moves where its inputs do by one unit in the last place. */
const times = 10

/** Roundings of float64, in those of float32. */
const narrowness = 2 ** -29

export type Outcome =
  /** Who refuses, and what is said. */
  | { readonly kind: 'refused'; readonly theirs?: string; readonly ours?: string }
  | {
      readonly kind: 'compared'
      /** Whether all of Optax's answer is. */
      readonly finite: boolean
      readonly differences: Readonly<Record<EngineName, Difference>>
      /**
       * Roundings on the way lead Optax itself as far away: somewhere a difference of nearly equal numbers is all
       * rounding, which moving the inputs does not show.
       */
      readonly illConditioned: boolean
    }

/** Compare what the engines answer with what Optax does. */
export async function judge({ chain, inputs }: Case, oracle: Oracle, engines: Engines): Promise<Outcome> {
  const answer = await oracle.answer(chain, inputs)
  const refused = 'refused' in answer
  const updates = refused ? [] : answer.updates
  const ours = await attempt(async () => {
    const at = (engine: EngineName) => run(engines[engine], precisions[engine].dtype, chain, inputs, updates)
    return { reference: await at('reference'), wasm: await at('wasm') }
  })
  if (typeof ours === 'string')
    return { kind: 'refused', ours, ...(refused ? { theirs: answer.refused } : {}) }
  if (refused) return { kind: 'refused', theirs: answer.refused }
  const compare = (engine: EngineName, moved: Distances) => {
    const rounded = engine === 'wasm' && bfloat16.chain.test(chain)
    const { relative } = rounded ? bfloat16 : precisions[engine]
    return farthest(ours[engine], updates, moved, { relative, times })
  }
  const differences = {
    reference: compare('reference', answer.moved.float64),
    wasm: compare('wasm', answer.moved.float32),
  }
  const finite = updates.every((u) => u.every(Number.isFinite))
  const compared = { kind: 'compared', finite, differences, illConditioned: false } as const
  if (Object.values(differences).every(isWithin)) return compared
  const own = await oracle.rounded(chain, inputs, updates)
  if (own === undefined) return compared
  const { float32, float64 } = own
  const narrowed = float32.map((distance) => (distance === null ? null : distance * narrowness))
  const wide = narrowed.map((distance, i) => larger(distance, float64[i] ?? null))
  // What leads Optax astray in float64 does so in float32.
  const single = float32.map((distance, i) => larger(distance, float64[i] ?? null))
  const illConditioned = isWithin(compare('wasm', single)) && isWithin(compare('reference', wide))
  return { ...compared, illConditioned }
}

const larger = (a: number | null, b: number | null) => (a === null || b === null ? null : Math.max(a, b))

/** What comes of it, or what is said against it. */
async function attempt<T extends object>(act: () => Promise<T>): Promise<T | string> {
  try {
    return await act()
  } catch (error) {
    if (error instanceof Problem) return `${error.code}: ${error.message}`
    return error instanceof Error ? (error.stack ?? error.message) : String(error)
  }
}
