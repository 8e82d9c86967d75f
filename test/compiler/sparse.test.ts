import assert from 'node:assert/strict'
import { test } from 'node:test'
import { catalogue, printChain } from '../../server/chains/index.ts'
import { plainCall, rowsIn } from '../../server/chains/rows.ts'
import type { Plan } from '../../server/compiler/plan.ts'
import { widen } from '../../server/engines/dtypes.ts'
import { referenceEngine } from '../../server/engines/reference.ts'
import { numbers, onlyRows, planOf, type Sent, tensorsOf, withZeros } from '../engines/rows.ts'

const of = [{ name: 'w', shape: [6, 4] }]
const steps: readonly Sent[] = [[[1, 2]], [[0, 5, 2]], [[1]]]
const dtype = 'F64'
const loss = 3

/** Updates of three steps, and the state after them: of rows only, or with zeros for all others. */
async function run(plan: Plan, sparse: boolean): Promise<Float64Array[]> {
  const options = Float64Array.from(plan.options.values())
  const params = numbers(99, of)
  const replica = await referenceEngine().open(plan, { options, parameters: tensorsOf(params, dtype) })
  const found: Float64Array[] = []
  for (const [k, sent] of steps.entries()) {
    const values = numbers(k, of)
    const given = (tensors: readonly Float64Array[]) =>
      sparse ? onlyRows(tensorsOf(tensors, dtype), of, sent) : tensorsOf(tensors, dtype)
    const gradients = given(withZeros(values, of, sent))
    const want = { dtype, of: 'updates' } as const
    const { parts = [] } = await replica.step({
      plan,
      options,
      gradients,
      parameters: given(params),
      loss,
      want,
    })
    const [update = new Float64Array()] = parts.map((bytes) => widen({ dtype, bytes }))
    if (!sparse) found.push(update)
    else {
      // Updates of rows that were not sent are 0.
      const whole = new Float64Array(24)
      sent[0]?.forEach((row, i) => {
        whole.set(update.subarray(4 * i, 4 * i + 4), 4 * row)
      })
      found.push(whole)
    }
  }
  found.push(...(await replica.save()).map(widen))
  replica.close()
  return found
}

/** How far two runs are apart, relative to the largest number of an array. */
function distance(a: readonly Float64Array[], b: readonly Float64Array[]): number {
  return Math.max(
    ...a.map((x, k) => {
      const y = b[k] ?? new Float64Array()
      const size = Math.max(...x.map(Math.abs).filter(Number.isFinite), 1e-30)
      return Math.max(...x.map((one, i) => (Object.is(one, y[i]) ? 0 : Math.abs(one - (y[i] ?? 0)) / size)))
    }),
  )
}

for (const entry of catalogue.values()) {
  const term = plainCall(entry)
  const said = rowsIn(entry)
  if (term === undefined || said === undefined) continue
  test(`${entry.name}: rows sent alone are ${said.kind}, as the catalogue says`, async () => {
    const plan = planOf(printChain(term), of)
    assert.equal(plan.groups[0]?.rows.kind, said.kind)
    if (said.kind === 'none') return
    const off = distance(await run(plan, false), await run(plan, true))
    if (said.kind === 'exact') assert.ok(off <= 1e-12, `off by ${off}`)
    else assert.ok(off > 1e-9, `lazy (${said.changes.join(', ')}) and not different: ${off}`)
  })
}

test('what is meaningless says why', () => {
  const reasons = (chain: string) => {
    const rows = planOf(chain, of).groups[0]?.rows
    return rows?.kind === 'none' ? rows.reason : rows?.kind
  }
  assert.match(String(reasons('add_noise(0.1, 0.5)')), /normal is computed from the tensor as a whole/)
  assert.match(String(reasons('sm3(0.1)')), /max over rows/)
  assert.match(String(reasons('lookahead(sgd(0.1), 2, 0.5)')), /slow becomes the parameters/)
  assert.match(String(reasons('chain(adagrad(0.1), muon(0.1))')), /newton_schulz/)
  for (const within of ['MultiSteps', 'conditionally_transform'])
    assert.match(
      String(reasons(`${within}(prodigy(), ${within === 'MultiSteps' ? '3' : 'after_n(2)'})`)),
      /params0 becomes the parameters/,
    )
  // State that is not made of parameters alone catches up.
  assert.equal(reasons('chain(add_decayed_weights(0.1), trace(0.9))'), 'lazy')
  assert.equal(reasons('apply_if_finite(chain(add_decayed_weights(0.1), ema(0.9)), 2)'), 'lazy')
})

test('what is lazy says what a dense gradient would do more', () => {
  const changes = (chain: string) => {
    const rows = planOf(chain, of).groups[0]?.rows
    return rows?.kind === 'lazy' ? rows.changes : rows?.kind
  }
  assert.deepEqual(changes('sgd(0.1, momentum=0.9)'), ['trace.trace', 'update'])
  assert.deepEqual(changes('scale_by_rms()'), ['scale_by_rms.nu'])
  assert.deepEqual(changes('scale_by_trust_ratio()'), ['norms'])
  assert.equal(changes('chain(clip(1.0), centralize(), sgd(0.1))'), 'exact')
})
