import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { readChain, record } from '../../server/chains/index.ts'
import { compile } from '../../server/compiler/compile.ts'
import type { Plan } from '../../server/compiler/plan.ts'
import { bytesOf, type Dtype, narrow, widen } from '../../server/engines/dtypes.ts'
import { type Engine, type SavedPiece, savedState, type Tensors } from '../../server/engines/engine.ts'
import { referenceEngine } from '../../server/engines/reference.ts'
import { seeded } from '../chains/random.ts'

type Shapes = readonly { readonly name: string; readonly shape: readonly number[] }[]
/** By tensor, the rows that a step is about; none where it is about all. */
export type Sent = readonly (readonly number[] | undefined)[]

const size = (shape: readonly number[]) => shape.reduce((n, d) => n * d, 1)

export const planOf = (chain: string, of: Shapes, keep = false, stats = false): Plan => {
  const tensors = of.map(({ name, shape }) => ({ name, shape, rank: shape.length }))
  return compile(record(readChain(chain), tensors, { keep, stats }))
}

/** Numbers of both signs, none of them 0. */
export function numbers(seed: number, of: Shapes): Float64Array[] {
  const random = seeded(seed)
  return of.map(({ shape }) =>
    Float64Array.from({ length: size(shape) }, () => Math.fround((random(2001) - 1000.5) / 300)),
  )
}

export const tensorsOf = (values: readonly Float64Array[], dtype: Dtype): Tensors => ({
  dtype,
  parts: values.map((own) => narrow(own, dtype)),
})

/** Rows of bytes, back to back. */
function picked(bytes: Uint8Array, rows: readonly number[], count: number): Uint8Array {
  const width = bytes.length / count
  return Buffer.concat(rows.map((row) => bytes.subarray(row * width, (row + 1) * width)))
}

export function onlyRows({ dtype, parts }: Tensors, of: Shapes, sent: Sent): Tensors {
  const rows = sent.map((own) => own && Int32Array.from(own))
  const own = parts.map((part, i) => picked(part, sent[i] ?? everyRow(of[i]), of[i]?.shape[0] ?? 1))
  return { dtype, parts: own, rows }
}

const everyRow = (tensor: Shapes[number] | undefined) =>
  Array.from({ length: tensor?.shape[0] ?? 1 }, (_, row) => row)

/** The same with zeros in place of all other rows. */
export function withZeros(values: readonly Float64Array[], of: Shapes, sent: Sent): Float64Array[] {
  return values.map((own, i) => {
    const rows = sent[i]
    if (rows === undefined) return own
    const width = own.length / (of[i]?.shape[0] ?? 1)
    return own.map((x, k) => (rows.includes(Math.floor(k / width)) ? x : 0))
  })
}

/** A step that all others are compared with, over tensors of all ranks; `whole` is never sent in rows. */
const shapes: Shapes = [
  { name: 'embedding', shape: [7, 4] },
  { name: 'cube', shape: [6, 2, 3] },
  { name: 'bias', shape: [9] },
  { name: 'whole', shape: [3, 5] },
  { name: 'scalar', shape: [] },
]
const steps: readonly Sent[] = [
  [[1, 3, 6], [0, 5], [2, 3, 8], undefined, undefined],
  [[], [1, 2, 5], undefined, undefined, undefined],
  [[0, 3, 4, 6], undefined, [], undefined, undefined],
  [[2], [0, 1, 2, 3, 4, 5], [8], undefined, undefined],
]

/** Chains that give what a dense gradient would. */
const exact = [
  'centralize()',
  'clip(0.5)',
  'clip_by_global_norm(1.0)',
  'clip_by_block_rms(0.5)',
  'scale(-2.0)',
  'scale_by_rss()',
  'adagrad(0.1)',
  'sgd(0.1)',
  'sign_sgd(0.1)',
  'normalize()',
  'chain(clip(2.0), centralize(), adagrad(0.1))',
  'chain(clip_by_global_norm(1.0), centralize(), clip_by_block_rms(0.1), sgd(linear_schedule(0.1, 0.0, 10)))',
  'apply_if_finite(chain(clip(1.0), adagrad(0.1)), 2)',
]

/** Chains that treat rows as if there were no others. */
const lazy = [
  'trace(0.9, nesterov=True)',
  'adam(0.1)',
  'adamw(0.1)',
  'scale_by_adam(mu_dtype=jnp.bfloat16)',
  'scale_by_yogi()',
  'lamb(0.1)',
  'chain(centralize(), clip_by_global_norm(1.0), rmsprop(0.1, momentum=0.9))',
  'masked(adaptive_grad_clip(0.1, axis=0), ["ndim(2)", "ndim(3)"])',
  'masked(adaptive_grad_clip(0.1, axis=1), ["ndim(2)", "ndim(3)"])',
]

/** Chains in which means over rows and vectors of rows meet. */
const vectors = [
  'scale_by_factored_rms(min_dim_size_to_factor=2)',
  'adafactor(1e-2, min_dim_size_to_factor=2, momentum=0.9, weight_decay_rate=0.1)',
  'scale_by_param_block_rms()',
]

const last = <T>(list: readonly T[]) => list.at(-1) as T

/** ‖a − b‖ ≤ tolerance · ‖b‖, both of one tensor. */
function close(a: Uint8Array, b: Uint8Array, dtype: Dtype, tolerance: number, what: string): void {
  if (tolerance === 0) {
    assert.deepEqual(Buffer.from(a), Buffer.from(b), what)
    return
  }
  const [x, y] = [widen({ dtype, bytes: a }), widen({ dtype, bytes: b })]
  assert.equal(x.length, y.length, what)
  const norm = (values: Float64Array) => Math.sqrt(values.reduce((sum, one) => sum + one * one, 0))
  const off = norm(x.map((one, i) => one - (y[i] ?? 0)))
  assert.ok(off <= tolerance * (norm(y) || 1), `${what}: off by ${off} of ${norm(y)}`)
}

/** State in order of pieces, and which rows of each were sent at some step. */
const rowsOfPiece = (plan: Plan, i: number, sent: Sent) => {
  const { definition, tensor = -1 } = plan.state[i] ?? last(plan.state)
  const ofRows = definition.extent === 'element' || definition.kept?.includes(0)
  return ofRows ? sent[tensor] : undefined
}

/** Gradients of some rows on an engine: `tolerance` is what its arithmetic may be off where sums are joined otherwise. */
export function testRows(
  name: string,
  make: () => Engine | Promise<Engine>,
  { dtype, tolerance }: { readonly dtype: Dtype; readonly tolerance: number },
): void {
  describe(`rows: ${name}`, () => {
    let engine: Engine
    before(async () => {
      engine = await make()
    })
    after(() => engine.close())

    const open = async (plan: Plan, start: readonly SavedPiece[] | Tensors) => {
      const options = Float64Array.from(plan.options.values())
      const replica = await engine.open(
        plan,
        'dtype' in start ? { options, parameters: start } : { saved: savedState(start) },
      )
      return {
        replica,
        async step(gradients: Tensors, parameters: Tensors, of: 'updates' | 'params' = 'updates') {
          const own = plan.needs.parameters ? { parameters } : {}
          const want = { dtype, of }
          const out = await replica.step({ plan, options, gradients, ...own, loss: 3, want })
          const parts = (out.parts ?? []).map((part) => Uint8Array.from(part))
          out.lease?.release()
          return { parts, scalars: out.scalars }
        },
      }
    }

    for (const chain of exact)
      test(`${chain}: as a dense gradient with zeros`, async () => {
        const plan = planOf(chain, shapes)
        const params = tensorsOf(numbers(99, shapes), dtype)
        const [sparse, dense] = [await open(plan, params), await open(plan, params)]
        for (const [k, sent] of steps.entries()) {
          const values = numbers(k, shapes)
          const given = onlyRows(tensorsOf(values, dtype), shapes, sent)
          const ours = await sparse.step(given, onlyRows(params, shapes, sent))
          const full = await dense.step(tensorsOf(withZeros(values, shapes, sent), dtype), params)
          const right = onlyRows({ dtype, parts: full.parts }, shapes, sent)
          for (const [i, part] of right.parts.entries())
            close(
              ours.parts[i] ?? new Uint8Array(),
              part,
              dtype,
              tolerance,
              `step ${k + 1}, ${shapes[i]?.name}`,
            )
        }
        const [after, expected] = [await sparse.replica.save(), await dense.replica.save()]
        for (const [i, piece] of expected.entries())
          close(
            after[i]?.bytes ?? new Uint8Array(),
            piece.bytes,
            piece.dtype,
            tolerance,
            `state ${plan.state[i]?.slot}`,
          )
        sparse.replica.close()
        dense.replica.close()
      })

    for (const chain of [...lazy, ...exact])
      for (const keep of [false, true])
        test(`${chain}${keep ? ', parameters kept' : ''}: as if there were no other rows`, async () => {
          const plan = planOf(chain, shapes, keep)
          const params = tensorsOf(numbers(99, shapes), dtype)
          const { replica, step } = await open(plan, params)
          for (const [k, sent] of steps.entries()) {
            const before = await replica.save()
            const values = tensorsOf(numbers(k, shapes), dtype)
            const given = [
              onlyRows(values, shapes, sent),
              onlyRows(params, shapes, sent),
              keep ? 'params' : 'updates',
            ] as const
            const { parts } = await step(...given)
            const after = await replica.save()

            // By hand: tensors of these rows only, with the state of these rows, and a dense gradient.
            const few = shapes.map(({ name, shape }, i) => {
              const own = sent[i]
              return { name, shape: own === undefined ? shape : [own.length, ...shape.slice(1)] }
            })
            const small = planOf(chain, few, keep)
            const pick = ({ dtype: type, bytes }: SavedPiece, i: number): SavedPiece => {
              const rows = rowsOfPiece(plan, i, sent)
              if (rows === undefined) return { dtype: type, bytes }
              return {
                dtype: type,
                bytes: picked(bytes, rows, shapes[plan.state[i]?.tensor ?? -1]?.shape[0] ?? 1),
              }
            }
            if (!sent.some((rows) => rows?.length === 0) && !/block_rms/.test(chain)) {
              const alone = await open(small, before.map(pick))
              const gradient = { dtype, parts: given[0].parts }
              const right = await alone.step(gradient, { dtype, parts: given[1].parts }, given[2])
              for (const [i, part] of right.parts.entries())
                close(
                  parts[i] ?? new Uint8Array(),
                  part,
                  dtype,
                  tolerance,
                  `step ${k + 1}, ${shapes[i]?.name}`,
                )
              for (const [i, piece] of (await alone.replica.save()).entries())
                close(
                  after.map(pick)[i]?.bytes ?? new Uint8Array(),
                  piece.bytes,
                  piece.dtype,
                  tolerance,
                  `step ${k + 1}, state ${plan.state[i]?.slot}`,
                )
              alone.replica.close()
            }

            for (const [i, { bytes }] of after.entries()) {
              const rows = rowsOfPiece(plan, i, sent)
              const { tensor = -1, slot } = plan.state[i] ?? last(plan.state)
              const count = shapes[tensor]?.shape[0] ?? 1
              const others = everyRow(shapes[tensor]).filter(
                (row) => rows !== undefined && !rows.includes(row),
              )
              assert.deepEqual(
                picked(bytes, others, count),
                picked(before[i]?.bytes ?? new Uint8Array(), others, count),
                `step ${k + 1}: other rows of ${slot} of ${shapes[tensor]?.name}`,
              )
            }
          }
          replica.close()
        })

    for (const chain of [...lazy, ...vectors])
      test(`${chain}: as the reference engine`, async () => {
        const plan = planOf(chain, shapes, true)
        const params = tensorsOf(numbers(99, shapes), dtype)
        const options = Float64Array.from(plan.options.values())
        const right = await referenceEngine().open(plan, { options, parameters: params })
        const { replica, step } = await open(plan, params)
        const want = { dtype, of: 'params' } as const
        for (const [k, sent] of steps.entries()) {
          const gradients = onlyRows(tensorsOf(numbers(k, shapes), dtype), shapes, sent)
          const ours = await step(gradients, params, 'params')
          const { parts = [] } = await right.step({ plan, options, gradients, want })
          for (const [i, part] of parts.entries())
            close(ours.parts[i] ?? new Uint8Array(), part, dtype, 2e-6, `step ${k + 1}, ${shapes[i]?.name}`)
        }
        replica.close()
        right.close()
      })

    test('means over rows divide by all rows', async () => {
      const of = [{ name: 'w', shape: [4, 3] }]
      const plan = planOf('scale_by_factored_rms(min_dim_size_to_factor=2)', of)
      const [values = new Float64Array()] = numbers(1, of)
      const { replica, step } = await open(plan, tensorsOf([values], dtype))
      const sent = onlyRows(tensorsOf([values], dtype), of, [[3, 1]])
      await step(sent, sent)
      const saved = await replica.save()
      const square = (row: number, column: number) => (values[3 * row + column] ?? 0) ** 2
      // In the first step nothing is left of what was before.
      const expected = {
        '0': [0, 1, 2, 3].map((row) =>
          row % 2 === 0 ? 0 : (square(row, 0) + square(row, 1) + square(row, 2)) / 3,
        ),
        '1': [0, 1, 2].map((column) => (square(1, column) + square(3, column)) / 4),
      }
      for (const [axis, right] of Object.entries(expected)) {
        const i = plan.state.findIndex(({ definition }) => definition.kept?.join() === axis)
        const found = widen(saved[i] ?? last(saved))
        right.forEach((x, k) => {
          assert.ok(
            Math.abs((found[k] ?? 0) - x) < 1e-6 * (x || 1e-20),
            `axis ${axis}: ${found}, expected ${right}`,
          )
        })
      }
      replica.close()
    })

    test('norms count rows that are not sent as zero', async () => {
      const plan = planOf('sgd(0.1)', shapes, false, true)
      const params = tensorsOf(numbers(99, shapes), dtype)
      const { replica, step } = await open(plan, params)
      for (const [k, sent] of steps.entries()) {
        const values = numbers(k, shapes)
        const { scalars } = await step(onlyRows(tensorsOf(values, dtype), shapes, sent), params)
        const norm = Math.hypot(...withZeros(values, shapes, sent).flatMap((own) => [...own]))
        assert.ok(Math.abs((scalars.get('grad_norm') ?? 0) - norm) < 1e-6 * norm)
        assert.ok(Math.abs((scalars.get('update_norm') ?? 0) - norm / 10) < 1e-6 * norm)
        assert.equal(scalars.get('nonfinite'), 0)
      }
      replica.close()
    })

    test('rows come in any order', async () => {
      const of = [{ name: 'w', shape: [5, 3] }]
      const plan = planOf('chain(centralize(), adam(0.1))', of, true)
      const params = tensorsOf(numbers(99, of), dtype)
      const values = tensorsOf(numbers(1, of), dtype)
      const replies: Buffer[] = []
      const states: Buffer[] = []
      for (const rows of [
        [0, 2, 4],
        [4, 0, 2],
      ]) {
        const { replica, step } = await open(plan, params)
        const { parts } = await step(onlyRows(values, of, [rows]), params, 'params')
        const sorted = [0, 2, 4].map((row) => rows.indexOf(row))
        replies.push(Buffer.from(picked(parts[0] ?? new Uint8Array(), sorted, 3)))
        states.push(Buffer.concat((await replica.save()).map(({ bytes }) => bytes)))
        replica.close()
      }
      assert.deepEqual(replies[1], replies[0])
      assert.deepEqual(states[1], states[0])
    })

    test('no rows of any tensor', async () => {
      const of = shapes.slice(0, 3)
      for (const chain of [
        'chain(centralize(), clip_by_global_norm(1.0), clip_by_block_rms(1.0), adam(0.1))',
        'adafactor(0.1, min_dim_size_to_factor=2)',
        'scale_by_rms()',
        'lamb(0.1)',
      ]) {
        const plan = planOf(chain, of, true)
        const params = tensorsOf(numbers(99, of), dtype)
        const { replica, step } = await open(plan, params)
        await step(tensorsOf(numbers(1, of), dtype), params)
        const before = await replica.save('params')
        const none = onlyRows(tensorsOf(numbers(2, of), dtype), of, [[], [], []])
        for (const what of ['updates', 'params'] as const) {
          const { parts } = await step(none, none, what)
          assert.deepEqual(
            parts.map(({ length }) => length),
            [0, 0, 0],
          )
        }
        assert.deepEqual(await replica.save('params'), before)
        const { parts } = await step(tensorsOf(numbers(3, of), dtype), params)
        for (const bytes of parts) assert.ok(widen({ dtype, bytes }).every(Number.isFinite), chain)
        replica.close()
      }
    })

    test('gradients and updates in half precision', async () => {
      const plan = planOf('adagrad(0.1)', shapes)
      const options = Float64Array.from(plan.options.values())
      const [sparse, dense] = [await engine.open(plan, { options }), await engine.open(plan, { options })]
      const want = { dtype: 'BF16', of: 'updates' } as const
      for (const [k, sent] of steps.entries()) {
        const values = numbers(k, shapes)
        const given = onlyRows(tensorsOf(values, 'BF16'), shapes, sent)
        const ours = await sparse.step({ plan, options, gradients: given, want })
        const gradients = tensorsOf(withZeros(values, shapes, sent), 'BF16')
        const full = await dense.step({ plan, options, gradients, want })
        const right = onlyRows({ dtype: 'BF16', parts: full.parts ?? [] }, shapes, sent)
        assert.deepEqual(
          ours.parts?.map((part) => Buffer.from(part)),
          right.parts.map((part) => Buffer.from(part)),
        )
        ours.lease?.release()
        full.lease?.release()
      }
      sparse.close()
      dense.close()
    })

    test('many rows, gone through by several threads', async () => {
      const of = [{ name: 'w', shape: [20_000, 24] }]
      const plan = planOf('chain(clip_by_global_norm(1.0), centralize(), adagrad(0.1))', of, true)
      const params = tensorsOf(numbers(99, of), dtype)
      const [sparse, dense] = [await open(plan, params), await open(plan, params)]
      const width = 24 * bytesOf[dtype]
      for (const stride of [2, 3]) {
        const values = numbers(stride, of)
        const rows = everyRow(of[0]).filter((row) => row % stride === 0)
        const silent = values.map((own) => own.map((x, k) => (Math.floor(k / 24) % stride === 0 ? x : 0)))
        const ours = await sparse.step(onlyRows(tensorsOf(values, dtype), of, [rows]), params, 'params')
        const full = await dense.step(tensorsOf(silent, dtype), params, 'params')
        assert.equal(ours.parts[0]?.length, rows.length * width)
        const right = picked(full.parts[0] ?? new Uint8Array(), rows, 20_000)
        close(ours.parts[0] ?? new Uint8Array(), right, dtype, tolerance, `every ${stride} rows`)
      }
      sparse.replica.close()
      dense.replica.close()
    })
  })
}
