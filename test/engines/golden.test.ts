import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { test } from 'node:test'
import { readChain, record } from '../../server/chains/index.ts'
import { compile } from '../../server/compiler/compile.ts'
import { openEngine } from '../../server/engines/index.ts'

/**
 * What the bits of some steps come to, by the fingerprint of the arithmetic. When an engine's bits change, so must its
 * `numerics`: servers tell by it that what others wrote cannot be replayed byte for byte. Then note the new pair here.
 * The chains use no function of Math but the square root, so the version of V8 does not matter.
 */
const golden = {
  'reference-1': 'faaa2e4137aa33f5c1d9fda1f4a61aaf',
  'wasm-2': '0ddb59c2657cd263f70d1dc29991b216',
}

const chains = [
  'chain(clip(1.0), centralize(), adam(1e-3))',
  'chain(clip_by_global_norm(0.5), adamw(linear_schedule(1e-3, 0, 5), nesterov=True))',
  'rmsprop(1e-2, centered=True, momentum=0.9, eps=0.1)',
  'sm3(0.1)',
  'chain(centralize(), muon(1e-2))',
  'scale_by_adam(mu_dtype=jnp.bfloat16)',
]
const tensors = [
  { name: 'w', shape: [130, 131], rank: 2 },
  { name: 'b', shape: [37], rank: 1 },
]

for (const [numerics, expected] of Object.entries(golden)) {
  test(`the bits of ${numerics} are what they were`, async () => {
    const { engine } = await openEngine(numerics.split('-')[0] ?? '', { threads: 2 })
    assert.ok(
      engine.numerics.startsWith(`${numerics}-`),
      `${engine.numerics} has no golden bits: note them here`,
    )
    const hash = createHash('sha256')
    for (const chain of chains) {
      const plan = compile(record(readChain(chain), tensors, { keep: true, stats: false }))
      const options = Float64Array.from(plan.options.values())
      const values = tensors.map(({ shape }, k) => {
        const n = shape.reduce((a, b) => a * b, 1)
        return new Uint8Array(
          Float32Array.from({ length: n }, (_, i) => (((i * 7919 + k) % 1009) - 504) / 257).buffer,
        )
      })
      const given = { dtype: 'F32', parts: values } as const
      const replica = await engine.open(plan, { options, parameters: given })
      for (let step = 0; step < 4; step++) {
        const want = { dtype: 'F32', of: step % 2 === 0 ? 'updates' : 'params' } as const
        const { parts = [] } = await replica.step({ plan, options, gradients: given, want })
        for (const part of parts) hash.update(part)
      }
      replica.close()
    }
    await engine.close()
    const found = hash.digest('hex').slice(0, 32)
    assert.equal(found, expected, `${numerics} computes other bits now: raise the number in its fingerprint`)
  })
}
