import { readChain, record } from '../../server/chains/index.ts'
import { compile } from '../../server/compiler/compile.ts'
import { type Dtype, narrow, widen } from '../../server/engines/dtypes.ts'
import type { Engine, Tensors } from '../../server/engines/engine.ts'
import type { Inputs } from './inputs.ts'

/** What an engine answers to the same inputs as Optax: each step's parameters come of Optax's updates. */
export async function run(
  engine: Engine,
  dtype: Dtype,
  chain: string,
  { tensors: shapes, params, gradients, losses }: Inputs,
  updates: readonly Float64Array[],
): Promise<Float64Array[]> {
  const tensors = shapes.map(({ name, shape }) => ({ name, shape, rank: shape.length }))
  const plan = compile(record(readChain(chain), tensors, { keep: false, stats: false }))
  const options = Float64Array.from(plan.options.values())
  const split = (values: Float64Array): Tensors => ({ dtype, parts: partsOf(values, shapes, dtype) })
  const replica = await engine.open(plan, { options, parameters: split(params) })
  const answers: Float64Array[] = []
  let p = params
  for (const [i, gradient] of gradients.entries()) {
    const inputs = { gradients: split(gradient), parameters: split(p), loss: losses[i] ?? Number.NaN }
    const { parts = [], lease } = await replica.step({
      plan,
      options,
      ...inputs,
      want: { dtype, of: 'updates' },
    })
    answers.push(widen({ dtype, bytes: Buffer.concat(parts) }))
    lease?.release()
    p = after(p, updates[i] ?? new Float64Array())
  }
  replica.close()
  return answers
}

function partsOf(values: Float64Array, shapes: Inputs['tensors'], dtype: Dtype): Uint8Array[] {
  let end = 0
  return shapes.map(({ shape }) => {
    const size = shape.reduce((n, d) => n * d, 1)
    end += size
    return narrow(values.subarray(end - size, end), dtype)
  })
}

/** The next parameters, in float32; where there is no finite one, as before. The oracle does the same. */
const after = (p: Float64Array, u: Float64Array): Float64Array =>
  p.map((x, i) => {
    const moved = Math.fround(x + (u[i] ?? Number.NaN))
    return Number.isFinite(moved) ? moved : x
  })
