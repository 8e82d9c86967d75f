import assert from 'node:assert/strict'
import { after, describe, test } from 'node:test'
import { readChain, record } from '../../server/chains/index.ts'
import { compile } from '../../server/compiler/compile.ts'
import { type Dtype, narrow, widen } from '../../server/engines/dtypes.ts'
import { type Engine, type Replica, savedState, type Tensors } from '../../server/engines/engine.ts'
import { referenceEngine } from '../../server/engines/reference.ts'
import { wasmEngine } from '../../server/engines/wasm/engine.ts'
import { rows } from './calls.ts'

// What holds for the whole catalogue, whatever the formula: one table, every entry through every property.

type Shapes = readonly { readonly name: string; readonly shape: readonly number[] }[]

const shapes: Shapes = [
  { name: 'bias', shape: [4] },
  { name: 'conv', shape: [2, 1, 3, 4] },
  { name: 'embed', shape: [2, 3, 5] },
  { name: 'gain', shape: [] },
  { name: 'kernel', shape: [3, 5] },
  { name: 'other', shape: [3, 5] },
]

const reference = referenceEngine()
const wasm = wasmEngine({ threads: 1 })
after(() => wasm.close())

const sizeOf = ({ shape }: Shapes[number]) => shape.reduce((n, d) => n * d, 1)

/** Numbers of both signs for a tensor, the same ones whatever its place and what its name begins with; exact in float32. */
function numbers(tensor: Shapes[number], seed: number): Float64Array {
  const own = shapes.findIndex(({ name }) => tensor.name.endsWith(name))
  return Float64Array.from({ length: sizeOf(tensor) }, (_, i) =>
    Math.fround(2 * Math.sin(1 + seed * 7.3 + i * 1.7 + 10 * own)),
  )
}
const zeros = (tensor: Shapes[number]) => new Float64Array(sizeOf(tensor))

/** A chain on an engine: gives the updates of each step, by tensor. */
class Runner {
  readonly #of: Shapes
  readonly #dtype: Dtype
  readonly #plan
  readonly #options
  readonly #replica: Promise<Replica>

  constructor(
    engine: Engine,
    chain: string,
    of: Shapes = shapes,
    saved?: Awaited<ReturnType<Replica['save']>>,
  ) {
    this.#of = of
    this.#dtype = engine.name === 'reference' ? 'F64' : 'F32'
    const tensors = of.map(({ name, shape }) => ({ name, shape, rank: shape.length }))
    this.#plan = compile(record(readChain(chain), tensors, { keep: false, stats: false }))
    this.#options = Float64Array.from(this.#plan.options.values())
    const parameters = this.#pack((tensor) => numbers(tensor, 0))
    this.#replica = engine.open(
      this.#plan,
      saved === undefined ? { options: this.#options, parameters } : { saved: savedState(saved) },
    )
  }

  /** Parameters move as they like: here they are what the step's number says. */
  async step(
    n: number,
    gradient = (tensor: Shapes[number]) => numbers(tensor, n),
    at = n,
  ): Promise<Float64Array[]> {
    const [gradients, parameters] = [this.#pack(gradient), this.#pack((tensor) => numbers(tensor, at / 8))]
    const want = { dtype: this.#dtype, of: 'updates' } as const
    const input = {
      plan: this.#plan,
      options: this.#options,
      gradients,
      parameters,
      loss: 4 + Math.sin(at),
      want,
    }
    const { parts = [], lease } = await (await this.#replica).step(input)
    const updates = parts.map((bytes) => widen({ dtype: this.#dtype, bytes }))
    lease?.release()
    return updates
  }

  async save() {
    return (await this.#replica).save()
  }

  async close() {
    ;(await this.#replica).close()
  }

  #pack(values: (tensor: Shapes[number]) => Float64Array): Tensors {
    return { dtype: this.#dtype, parts: this.#of.map((tensor) => narrow(values(tensor), this.#dtype)) }
  }
}

const table = rows()

describe('gradients that are all zero leave everything finite', () => {
  /** Where Optax gives NaN too. */
  const notFinite: Readonly<Record<string, string>> = {
    normalize: 'it divides by the norm, without eps',
    prodigy: 'its distance is 0 / 0 as long as no gradient came',
    dadapt_adamw: 'its distance is 0 / 0 as long as no gradient came',
  }
  for (const { entry, chain } of table) {
    const why = notFinite[entry.name]
    test(`${entry.name}${why === undefined ? '' : ` gives NaN: ${why}`}`, async () => {
      for (const engine of [reference, wasm]) {
        const runner = new Runner(engine, chain)
        const updates: Float64Array[] = []
        for (let n = 1; n <= 4; n++) updates.push(...(await runner.step(n, zeros)))
        const state = (await runner.save()).map(widen)
        await runner.close()
        const finite = [...updates, ...state].every((values) => values.every(Number.isFinite))
        assert.equal(finite, why === undefined, `${chain} on ${engine.name}`)
      }
    })
  }
})

describe('state that is saved midway and opened again changes nothing', () => {
  for (const { entry, chain } of table) {
    test(entry.name, async () => {
      for (const engine of [reference, wasm]) {
        const one = new Runner(engine, chain)
        for (let n = 1; n <= 3; n++) await one.step(n)
        const other = new Runner(engine, chain, shapes, await one.save())
        for (let n = 4; n <= 6; n++)
          assert.deepEqual(await other.step(n), await one.step(n), `${chain} on ${engine.name}, step ${n}`)
        await one.close()
        await other.close()
      }
    })
  }
})

describe('masked: those masked out pass as they are, the others get what they get alone', () => {
  const meant = ['kernel', 'bias', 'embed']
  const some = shapes.filter(({ name }) => meant.includes(name))
  for (const { entry, chain } of table) {
    test(entry.name, async () => {
      for (const engine of [reference, wasm]) {
        const whole = new Runner(engine, `masked(${chain}, ${JSON.stringify(meant)})`)
        const alone = new Runner(engine, chain, some)
        for (let n = 1; n <= 4; n++) {
          const updates = await whole.step(n)
          const expected = await alone.step(n)
          shapes.forEach((tensor, i) => {
            const at = some.indexOf(tensor)
            assert.deepEqual(
              updates[i],
              at < 0 ? numbers(tensor, n) : expected[at],
              `${tensor.name} on ${engine.name}, step ${n}`,
            )
          })
        }
        await whole.close()
        await alone.close()
      }
    })
  }
})

describe('MultiSteps of equal gradients is one step', () => {
  for (const { entry, chain } of table) {
    test(entry.name, async () => {
      const k = 3
      for (const engine of [reference, wasm]) {
        const micro = new Runner(engine, `MultiSteps(${chain}, ${k})`)
        const whole = new Runner(engine, chain)
        for (let n = 1; n <= 3; n++) {
          const updates: Float64Array[][] = []
          for (let i = 0; i < k; i++) updates.push(await micro.step(n))
          for (const values of updates.slice(0, -1).flat()) assert.ok(values.every((x) => x === 0))
          assert.deepEqual(updates.at(-1), await whole.step(n), `${engine.name}, step ${n}`)
        }
        await micro.close()
        await whole.close()
      }
    })
  }
})

describe('a constant schedule is what the number is', () => {
  /** What else a call must have. */
  const more: Readonly<Record<string, string>> = {
    lbfgs: ', linesearch=None',
    schedule_free: ', base_optimizer=sgd(0.1)',
  }
  for (const { entry } of table) {
    if (entry.options.learning_rate?.type.includes('| schedule') !== true) continue
    test(entry.name, async () => {
      const at = (rate: string) =>
        new Runner(reference, `${entry.name}(learning_rate=${rate}${more[entry.name] ?? ''})`)
      const [number, schedule] = [at('0.3'), at('constant_schedule(0.3)')] as const
      for (let n = 1; n <= 4; n++) assert.deepEqual(await schedule.step(n), await number.step(n), `step ${n}`)
    })
  }
})

describe('names and order of tensors', () => {
  /** Each tensor's noise depends on how many come before it. */
  const ordered = ['add_noise', 'noisy_sgd']
  const backwards = shapes.toReversed()
  for (const { entry, chain } of table) {
    test(`${entry.name}: renamed, the same bytes${ordered.includes(entry.name) ? '' : '; reordered, the same updates'}`, async () => {
      const one = new Runner(reference, chain)
      const renamed = new Runner(
        reference,
        chain,
        shapes.map((tensor) => ({ ...tensor, name: `x/${tensor.name}` })),
      )
      const other = new Runner(reference, chain, backwards)
      for (let n = 1; n <= 4; n++) {
        const updates = await one.step(n)
        assert.deepEqual(await renamed.step(n), updates)
        if (ordered.includes(entry.name)) continue
        const turned = (await other.step(n)).toReversed()
        // Sums over all tensors are added up in their order.
        turned.forEach((values, i) => {
          const expected = updates[i] ?? new Float64Array()
          const off = Math.hypot(...values.map((x, k) => x - (expected[k] ?? 0)))
          const norm = Math.hypot(...updates.flatMap((u) => [...u]))
          assert.ok(off <= 1e-11 * norm, `${shapes[i]?.name}, step ${n}: off by ${off / norm} of the norm`)
        })
      }
    })
  }
})
