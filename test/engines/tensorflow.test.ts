import assert from 'node:assert/strict'
import { after, describe, test } from 'node:test'
import { readChain, record } from '../../server/chains/index.ts'
import { compile } from '../../server/compiler/compile.ts'
import type { Plan } from '../../server/compiler/plan.ts'
import { narrow, widen } from '../../server/engines/dtypes.ts'
import { type Engine, savedState, type Tensors } from '../../server/engines/engine.ts'
import { referenceEngine } from '../../server/engines/reference.ts'
import { missing } from '../../server/engines/tensorflow/addon.ts'
import { type TensorflowEngine, tensorflowEngine } from '../../server/engines/tensorflow/engine.ts'
import { setup } from '../../server/engines/tensorflow/setup.ts'
import {
  apply,
  binary,
  constant,
  type Expr,
  perTensor,
  scalar,
  select,
  unary,
  zeros,
} from '../../server/expression/index.ts'
import { transformation } from '../../server/transformations/form/define.ts'
import type { Link } from '../../server/transformations/form/link.ts'
import { trace } from '../../server/transformations/form/record.ts'
import { testEngine } from './conformance.ts'
import { testFloat32 } from './float32.ts'
import { testRows } from './rows.ts'

// In CI the engine is built if need be, so that it is always tested there: 15 s and 270 MB from pip's registry.
if (process.env.CI !== undefined && missing() !== undefined)
  process.stderr.write(`${await setup('cpu', (line) => process.stderr.write(`${line}\n`))}\n`)

const lacking = missing()
if (lacking !== undefined) test('engine: tensorflow', { skip: lacking }, () => {})
else testTensorflow(await tensorflowEngine({ threads: 2 }))

function testTensorflow(engine: TensorflowEngine): void {
  // Closes it too, so it comes last.
  describe('tensorflow', () => {
    const reference = referenceEngine()
    const cube = { name: 'cube', shape: [2, 3, 2], rank: 3 }
    const ramp = Float64Array.from({ length: 12 }, (_, i) => ((i * 7) % 12) - 4)

    const agree = async (link: Link, given: Given, tolerance = 1e-6, signed = true) => {
      const [ours, right] = [await runLink(engine, link, given), await runLink(reference, link, given)]
      right.forEach((expected, k) => {
        for (const [i, y] of expected.entries()) {
          const x = ours[k]?.[i] ?? Number.NaN
          const close = Math.abs(x - y) <= tolerance * Math.abs(y)
          const fine = Object.is(x, y) || ((y !== 0 || !signed) && close)
          assert.ok(fine, `element ${i} is ${x}, expected ${y}`)
        }
      })
    }

    test('every primitive, on ordinary and odd numbers', async () => {
      const odd = [0, -0, 0.5, -0.5, 1, -1, 2.5, -3, 1e-10, 65504, 1e20, Infinity, -Infinity, Number.NaN]
      // Each number against each.
      const [a, b] = [odd.flatMap((x) => odd.map(() => x)), odd.flatMap(() => odd)]
      const shape = [odd.length, odd.length]
      const given = (values: number[]): Given => ({
        tensors: [{ name: 'v', shape, rank: 2 }],
        values: [Float64Array.from(values)],
        parameters: [Float64Array.from(b)],
      })
      for (const op of unary)
        await agree(
          probe((g) => apply(op, g)),
          given(a),
          2e-6,
        )
      for (const op of binary) {
        if (op === 'pow' || op === 'powi') continue
        const link = probe((g, p) => apply(op, g, p))
        // Of 0 and -0 either is the smaller.
        await agree(link, given(a), 1e-6, op !== 'min' && op !== 'max')
      }
      await agree(
        probe((g, p) => select(g.lt(p), g, p.neg())),
        given(a),
      )
      const positive = a.map((x) => (Number.isNaN(x) || Math.abs(x) === Infinity ? 2 : Math.abs(x)))
      await agree(
        probe((g) => g.pow(0.75)),
        given(positive),
        1e-5,
      )
      await agree(
        probe((g) => g.min(4).powi(3)),
        given(positive),
      )
    })

    test('reductions over any axes are broadcast back, and reduce again', async () => {
      const given = { tensors: [cube], values: [ramp] }
      for (const axes of [[0], [1], [2], [0, 1], [0, 2], [1, 2], [0, 1, 2]]) {
        for (const how of ['sum', 'largest', 'smallest'] as const)
          await agree(
            probe((g) => g.mul(0).add(g[how](axes))),
            given,
          )
      }
      const outer = (g: Expr) => g.sum([1, 2]).mul(g.sum([0]))
      await agree(probe(outer), given)
      await agree(
        probe((g) => g.mul(0).add(outer(g).sum([1]).largest([0]).sum([2]))),
        given,
      )
      await agree(
        probe((g) => g.sum([1])),
        given,
      )
    })

    test('an update that no element enters is one number for all of them', async () => {
      const few = { name: 'few', shape: [3], rank: 1 }
      const given = { tensors: [cube, few], values: [ramp, Float64Array.of(1, 2, 3)] }
      await agree(
        probe(() => constant(0.5).add(1)),
        given,
      )
    })

    test('state of every extent is kept: a session, a tensor, an element', async () => {
      const link = transformation({
        name: 'probe',
        formula: 'as the test says',
        reference: 'the test',
        state: { seen: scalar(), largest: perTensor(), sum: zeros() },
        update(g, _options, { seen, largest, sum }, { tree }) {
          const all = seen.add(tree.sum(g))
          const top = largest.max(g.largest().add(constant(1)))
          const total = sum.add(g)
          return [total.add(top.mul(100)).add(all), { seen: all, largest: top, sum: total }]
        },
      })()
      const few = { name: 'few', shape: [], rank: 0 }
      await agree(link, { tensors: [cube, few], values: [ramp, Float64Array.of(4)] })
    })

    test('state that another engine saved goes on here', async () => {
      const plan = planOf('scale_by_adam(mu_dtype=jnp.bfloat16)', [cube])
      const options = Float64Array.from(plan.options.values())
      const step = { plan, options, gradients: f32([ramp]), want: { dtype: 'F32', of: 'updates' } } as const
      const theirs = await reference.open(plan, { options })
      await theirs.step(step)
      const ours = await engine.open(plan, { saved: savedState(await theirs.save()) })
      const [a, b] = [await ours.step(step), await theirs.step(step)]
      const [x = none, y = none] = [a, b].map(({ parts: [bytes = new Uint8Array()] = [] }) =>
        widen({ dtype: 'F32', bytes }),
      )
      for (const [i, value] of y.entries()) assert.ok(Math.abs((x[i] ?? 0) - value) <= 1e-6 * Math.abs(value))
      ours.close()
    })

    test('500 steps leave no tensor behind, nor does a session', async () => {
      const plan = planOf('chain(clip_by_global_norm(1.0), centralize(), adam(1e-3))', [cube])
      const options = Float64Array.from(plan.options.values())
      const before = await engine.count()
      const replica = await engine.open(plan, { options })
      const held = await engine.count()
      for (const dtype of ['F32', 'BF16', 'F16', 'F32'] as const) {
        const gradients = { dtype, parts: [narrow(ramp, dtype)] }
        for (let k = 0; k < 125; k++)
          await replica.step({ plan, options, gradients, want: { dtype, of: 'updates' } })
        assert.equal(await engine.count(), held)
      }
      replica.close()
      assert.equal(await engine.count(), before)
    })

    test('what does not fit is an error of that request; others go on, and nothing stays behind', async () => {
      const small = planOf('adam(1e-3)', [cube])
      const large = planOf('adam(1e-3)', [{ name: 'large', shape: [2 ** 20, 2 ** 24], rank: 2 }])
      const options = Float64Array.from(small.options.values())
      const replica = await engine.open(small, { options })
      const before = await engine.count()
      await assert.rejects(engine.open(large, { options }), /TensorFlow cannot run Fill: .*OOM/)
      const wrong = { plan: small, options, gradients: f32([ramp.subarray(1)]) }
      await assert.rejects(replica.step(wrong), /Shape does not match/)
      assert.equal(await engine.count(), before)
      await replica.step({ plan: small, options, gradients: f32([ramp]) })
      replica.close()
    })
  })
  testFloat32(engine)
  testRows('tensorflow', () => tensorflowEngine({ threads: 2 }), { dtype: 'F32', tolerance: 2e-6 })
  testEngine('tensorflow', () => engine, { denormalsAreZero: true })
  after(() => engine.close())
}

const none = new Float64Array()

interface Given {
  readonly tensors: readonly {
    readonly name: string
    readonly shape: readonly number[]
    readonly rank: number
  }[]
  readonly values: readonly Float64Array[]
  readonly parameters?: readonly Float64Array[]
}

const f32 = (values: readonly Float64Array[]): Tensors => ({
  dtype: 'F32',
  parts: values.map((one) => narrow(one, 'F32')),
})

const planOf = (chain: string, tensors: Given['tensors']): Plan =>
  compile(record(readChain(chain), tensors, { keep: false, stats: false }))

const probe = (update: (g: Expr, p: Expr) => Expr): Link =>
  transformation({
    name: 'probe',
    formula: 'as the test says',
    reference: 'the test',
    update: (g, _options, _state, { parameter }) => update(g, parameter),
  })()

/** The updates of two steps on the same gradients, tensor after tensor. */
async function runLink(
  engine: Engine,
  link: Link,
  { tensors, values, parameters }: Given,
): Promise<Float64Array[]> {
  const plan = compile(trace(link, tensors, new Map(), { keep: false, stats: false }))
  const options = new Float64Array()
  const replica = await engine.open(plan, { options })
  const given = parameters === undefined ? {} : { parameters: f32(parameters) }
  const input = { plan, options, gradients: f32(values), ...given }
  await replica.step(input)
  const { parts = [] } = await replica.step({ ...input, want: { dtype: 'F32', of: 'updates' } })
  replica.close()
  return parts.map((bytes) => widen({ dtype: 'F32', bytes }))
}
