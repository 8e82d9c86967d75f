import assert from 'node:assert/strict'
import { test } from 'node:test'
import { readChain, record } from '../../server/chains/index.ts'
import { compile } from '../../server/compiler/compile.ts'
import { declaredIn, type Plan } from '../../server/compiler/plan.ts'
import { narrow, widen } from '../../server/engines/dtypes.ts'
import type { Engine } from '../../server/engines/engine.ts'
import { referenceEngine } from '../../server/engines/reference.ts'
import { loadVectors, type Vector } from '../vectors/load.ts'

/**
 * Of the norm of Optax's float64 update; or ten times what that update moves in float64 when the inputs are off by as
 * much as float32 has no room for: gradients by one unit in the last place, parameters by their rounding.
 */
const tolerance = 1e-5
/** In f − γ + ⟨m, p⟩ nearly all cancels, and m is kept in float32 while γ, which is about ⟨m, p⟩, is exact. */
const wider: { readonly [name: string]: number } = { momo_adam: 3e-5 }
const reference = referenceEngine()

/** All vectors on an engine: each step by itself, on the parameters that Optax's updates lead to. */
export function testFloat32(engine: Engine): void {
  for (const vector of loadVectors()) {
    const beyond = /\b1e30[0-9]\b/.exec(vector.chain)?.[0]
    const skip = beyond === undefined ? false : `${beyond} is beyond float32`
    test(`${engine.name} agrees with Optax in float32: ${vector.name}`, { skip }, async () => {
      const [found, moved] = [await run(vector, engine), await run(vector, reference, true)]
      const least = wider[vector.name.split('/')[0] ?? ''] ?? tolerance
      for (const [step, expected] of vector.updates.entries()) {
        const off = distance(found[step], expected)
        const allowed = Math.max(least, 10 * distance(moved[step], expected))
        assert.ok(off <= allowed, `${vector.chain}: step ${step + 1} is off by ${off}, allowed ${allowed}`)
      }
    })
  }
}

/** @param shifted gradients by one float32 unit in the last place, on an engine that computes in float64 */
async function run(vector: Vector, engine: Engine, shifted = false): Promise<Float64Array[]> {
  const { gradients, losses, updates } = vector
  const plan = planOf(vector)
  const options = Float64Array.from(plan.options.values())
  const dtype = shifted ? 'F64' : 'F32'
  const split = (values: Float64Array) => ({ dtype, parts: parts(plan, values, dtype) }) as const
  const p = vector.params.slice()
  const replica = await engine.open(plan, { options, parameters: split(p) })
  const found: Float64Array[] = []
  for (const [i, gradient] of gradients.entries()) {
    const sent = Float64Array.from(p, Math.fround)
    const { parts: got = [] } = await replica.step({
      plan,
      options,
      loss: losses[i] ?? Number.NaN,
      gradients: split(shifted ? gradient.map((g, k) => g * (1 + shift(k, i))) : gradient),
      parameters: split(sent),
      want: { dtype, of: 'updates' },
    })
    found.push(widen({ dtype, bytes: Buffer.concat(got) }))
    for (const [k, u] of (updates[i] ?? new Float64Array()).entries()) p[k] = (p[k] ?? 0) + u
  }
  replica.close()
  return found
}

/** One unit in the last place up or down, as a step and an element have it. */
const shift = (k: number, step: number) =>
  (Math.imul(k + 31 * step, 0x9e3779b1) >>> 16) & 1 ? 2 ** -23 : -(2 ** -23)

function planOf({ chain, tensors }: Vector): Plan {
  const shaped = tensors.map(({ name, shape }) => ({ name, shape, rank: shape.length }))
  return compile(record(readChain(chain), shaped, { keep: false, stats: false }))
}

function parts(plan: Plan, values: Float64Array, dtype: 'F32' | 'F64'): Uint8Array[] {
  let from = 0
  return declaredIn(plan).map(({ shape }) => {
    const size = shape.reduce((n, d) => n * d, 1)
    from += size
    return narrow(values.subarray(from - size, from), dtype)
  })
}

/** ‖a − b‖ / ‖b‖; where b is 0, ‖a‖. */
function distance(a: Float64Array | undefined, b: Float64Array): number {
  const norm = Math.hypot(...b)
  return Math.hypot(...b.map((x, i) => (a?.[i] ?? Number.NaN) - x)) / (norm || 1)
}
