import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { readChain, record } from '../../server/chains/index.ts'
import { compile } from '../../server/compiler/compile.ts'
import { narrow, widen } from '../../server/engines/dtypes.ts'
import type { Tensors } from '../../server/engines/engine.ts'
import { referenceEngine } from '../../server/engines/reference.ts'
import { rows } from './calls.ts'
import type { Minimizing } from './minimizing.ts'

// Every entry of the catalogue minimizes, alone or with what makes a chain of it; parameters are kept by the server.

interface Minimized {
  readonly of: readonly { readonly name: string; readonly shape: readonly number[] }[]
  readonly steps: number
  readonly start: (n: number) => Float64Array
  readonly value: (x: Float64Array) => number
  readonly gradient: (x: Float64Array) => Float64Array
}

const functions: Readonly<Record<keyof Minimizing, Minimized>> = {
  quadratic: {
    of: [
      { name: 'bias', shape: [4] },
      { name: 'conv', shape: [2, 1, 3, 4] },
      { name: 'kernel', shape: [3, 5] },
    ],
    steps: 400,
    start: (n) => Float64Array.from({ length: n }, (_, i) => 5 * Math.sin(3 * i)),
    value: (x) => x.reduce((sum, v, i) => sum + (v - Math.cos(i)) ** 2 / 2, 0),
    gradient: (x) => x.map((v, i) => v - Math.cos(i)),
  },
  rosenbrock: {
    of: [{ name: 'xy', shape: [2] }],
    steps: 1500,
    start: () => Float64Array.of(0.3, -0.2),
    value: ([x = 0, y = 0]) => (1 - x) ** 2 + 100 * (y - x * x) ** 2,
    gradient: ([x = 0, y = 0]) => Float64Array.of(2 * (x - 1) - 400 * x * (y - x * x), 200 * (y - x * x)),
  },
}

const engine = referenceEngine()

/** The function's value at the end, as a share of that at the start. */
async function remains(chain: string, { of, steps, start, value, gradient }: Minimized): Promise<number> {
  const tensors = of.map(({ name, shape }) => ({ name, shape, rank: shape.length }))
  const plan = compile(record(readChain(chain), tensors, { keep: true, stats: false }))
  const options = Float64Array.from(plan.options.values())
  const sizes = of.map(({ shape }) => shape.reduce((n, d) => n * d, 1))
  const ends = sizes.map((_, i) => sizes.slice(0, i + 1).reduce((a, b) => a + b))
  const split = (x: Float64Array): Tensors => ({
    dtype: 'F64',
    parts: ends.map((end, i) => narrow(x.subarray(ends[i - 1] ?? 0, end), 'F64')),
  })
  let x: Float64Array = start(ends.at(-1) ?? 0)
  const before = value(x)
  const replica = await engine.open(plan, { options, parameters: split(x) })
  const want = { dtype: 'F64', of: 'params' } as const
  for (let step = 0; step < steps; step++) {
    const gradients = split(gradient(x))
    const { parts = [] } = await replica.step({ plan, options, loss: value(x), gradients, want })
    x = widen({ dtype: 'F64', bytes: Buffer.concat(parts) })
  }
  replica.close()
  return value(x) / before
}

for (const name of ['quadratic', 'rosenbrock'] as const) {
  describe(`${name} function`, () => {
    for (const { entry, minimizes } of rows()) {
      const chain = minimizes[name]
      if (chain === undefined) continue
      test(entry.name, async () => {
        const left = await remains(chain, functions[name])
        assert.ok(left < 0.01, `${chain} leaves ${left} of the function's value, expected less than 0.01`)
      })
    }
  })
}
