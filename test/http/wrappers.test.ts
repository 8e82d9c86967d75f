import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { f32, floats, TestApp } from '../app.ts'

let app: TestApp
before(async () => {
  app = await TestApp.start({ engine: 'reference' })
})
after(() => app.close())

const tensors = [
  { name: 'dense/bias', shape: [2] },
  { name: 'dense/kernel', shape: [2, 2] },
  { name: 'scale', shape: [] },
]
const g = f32(1, 2, 3, 4, 5, 6, 7)

/** Chains that cannot be, with what the answer must say. */
const refused: readonly (readonly [chain: unknown, code: string, says: RegExp])[] = [
  [
    'chain(clip(1.0), masked(sgd(0.1), {"**/kernel": True, "ndim(1)": False}))',
    'bad_option',
    /^1\.mask says nothing of the tensor scale: none of "\*\*\/kernel", "ndim\(1\)" matches it; add "\*\*" for all others$/,
  ],
  [
    'partition({"a": sgd(0.1)}, {"dense/*": "a"})',
    'bad_option',
    /^param_labels says nothing of the tensor scale: none of "dense\/\*"/,
  ],
  [
    'partition({"a": sgd(0.1), "b": adam(0.1)}, {"dense/*": "a", "**": "c"})',
    'bad_option',
    /param_labels has the label "c", and transforms has a, b: expected one of these/,
  ],
  ['partition({"a b": sgd(0.1)}, "a b")', 'bad_option', /expected labels that are names of up to 64 letters/],
  ['partition({"__proto__": sgd(0.1)}, "__proto__")', 'bad_option', /expected labels that are names/],
  ['partition({}, "a")', 'bad_option', /expected a mapping of labels to transformations/],
  ['partition({"a": 1}, "a")', 'bad_option', /expected a mapping of labels to transformations/],
  ['partition({"a": sgd(0.1)}, ["a"])', 'bad_option', /expected a mapping of patterns to labels/],
  ['masked(sgd(0.1), "")', 'bad_option', /expected patterns of 1 to 128 characters/],
  [`masked(sgd(0.1), "${'a'.repeat(129)}")`, 'bad_option', /expected patterns of 1 to 128 characters/],
  ['masked(sgd(0.1), {"**": 1})', 'bad_option', /expected True, False, a pattern/],
  ['masked(sgd(0.1), ["a", 2])', 'bad_option', /expected patterns such as/],
  [
    `masked(sgd(0.1), [${'"a",'.repeat(257)}])`,
    'bad_option',
    /257 patterns are too many, expected at most 256/,
  ],
  ['masked(sgd(0.1), ndim(2, 3))', 'bad_option', /expected ndim\(n\) with a number of dimensions/],
  ['masked(sgd(0.1), "ndim(x)")', 'bad_option', /expected ndim\(n\) with a number of dimensions/],
  ['masked(sgd(0.1), clip(1.0))', 'bad_option', /expected mask, found a call of clip/],
  ['masked(0.1, True)', 'bad_option', /expected a transformation, for instance adam/],
  ['named_chain(clip(1.0), sgd(0.1))', 'bad_option', /expected one or more pairs such as/],
  ['named_chain(("a", clip(1.0)), ("a", sgd(0.1)))', 'bad_option', /expected a different name for each/],
  ['named_chain(("a.b", clip(1.0)))', 'bad_option', /expected names of up to 64 letters/],
  ['MultiSteps(sgd(0.1), 2.5)', 'bad_option', /every_k_schedule is 2.5, expected a whole number of steps/],
  ['MultiSteps(sgd(0.1), 0)', 'bad_option', /every_k_schedule is 0, expected a whole number/],
  ['conditionally_mask(sgd(0.1), 4)', 'bad_option', /expected a condition, for instance every_k\(4\)/],
  [
    'conditionally_mask(sgd(0.1), every_k(0))',
    'bad_option',
    /k is 0, expected a number of steps, at least 1/,
  ],
  ['conditionally_mask(sgd(0.1), sgd(0.1))', 'unknown_transformation', /sgd is an optimizer, no condition/],
  ['chain(every_k(2))', 'unknown_transformation', /every_k is a condition, no transformation/],
  ['sam(sgd(0.1), sgd(0.1), opaque_mode=True)', 'bad_option', /opaque_mode computes gradients within a step/],
  ['lookahead(sgd(0.1), 0, 0.5)', 'bad_option', /sync_period/],
  ['schedule_free_sgd(constant_schedule(0.1), 4)', 'bad_option', /warmup_steps goes with a learning rate/],
  [
    'flatten(add_noise(0.1, 0.5))',
    'bad_option',
    /^Within flatten there can be no normal: it needs each tensor as it is/,
  ],
  ['flatten(masked(sgd(0.1), "scale"))', 'bad_option', /Within flatten tensors have no names/],
  [
    'chain(clip(1.0), scale_by_zoom_linesearch(max_linesearch_steps=15))',
    'unknown_transformation',
    /^scale_by_zoom_linesearch, at character 17, is not for a service: it evaluates the loss.*Instead, search along/,
  ],
  [
    'optax.inject_hyperparams(optax.adam)(learning_rate=0.1)',
    'unknown_transformation',
    /Instead, write the optimizer/,
  ],
  ['stateless(lambda g, p: g)', 'unknown_transformation', /Instead, apply the function in the client/],
  [
    { name: 'monitor', args: { measures: {} } },
    'unknown_transformation',
    /^monitor, at the root of the tree, is not/,
  ],
  [
    'MultiSteps(sgd(0.1), 2, should_skip_update_fn=functools.partial(optax.skip_large_updates, max_squared_norm=1.0))',
    'malformed_chain',
    /Cannot call functools\.partial at character 46: write the call itself/,
  ],
]

for (const [chain, code, says] of refused) {
  test(`refused: ${typeof chain === 'string' ? chain.slice(0, 90) : JSON.stringify(chain)}`, async () => {
    const { status, body } = await app.send('PUT', '/v1/sessions/refused', { chain, tensors })
    assert.equal(body.code, code, JSON.stringify(body))
    assert.equal(status, code === 'malformed_chain' ? 400 : 422)
    assert.match(body.detail, says)
    const { status: missing } = await app.send('GET', '/v1/sessions/refused')
    assert.equal(missing, 404)
    if (code !== 'malformed_chain')
      assert.equal((await app.send('POST', '/v1/apply', { chain, tensors, grads: g })).body.code, code)
  })
}

/** What is sent, and the one text that it is kept as. */
const canonical: readonly (readonly [string, string])[] = [
  ['masked(clip(1.0), ndim(2))', 'masked(inner=clip(max_delta=1), mask="ndim(2)")'],
  ["masked(clip(1.0), mask='ndim(2)')", 'masked(inner=clip(max_delta=1), mask="ndim(2)")'],
  ['masked(clip(1.0), ndim(n=2))', 'masked(inner=clip(max_delta=1), mask="ndim(2)")'],
  ['adamw(0.1, mask=None)', 'adamw(learning_rate=0.1)'],
  ['adamw(0.1, mask=["a", ndim(1)])', 'adamw(learning_rate=0.1, mask=["a", "ndim(1)"])'],
  [
    'multi_transform({0: sgd(0.1), "x": clip(1.0)}, {"dense/*": 0, "**": "x"})',
    'multi_transform(transforms={0: sgd(learning_rate=0.1), "x": clip(max_delta=1)}, param_labels={"dense/*": "0", "**": "x"})',
  ],
  [
    'named_chain(("c", clip(1.0)), ["s", sgd(0.1)])',
    'named_chain(["c", clip(max_delta=1)], ["s", sgd(learning_rate=0.1)])',
  ],
  [
    'optax.MultiSteps(optax.sgd(0.1), every_k_schedule=2, should_skip_update_fn=skip_not_finite())',
    'MultiSteps(opt=sgd(learning_rate=0.1), every_k_schedule=2, should_skip_update_fn=skip_not_finite())',
  ],
]

for (const [i, [sent, kept]] of canonical.entries()) {
  test(`${sent} is kept as its canonical text, which means the same`, async () => {
    const open = (id: string, chain: string) =>
      app.send('PUT', `/v1/sessions/canonical.${i}.${id}`, { chain, tensors })
    assert.equal((await open('a', sent)).body.chain, kept)
    assert.equal((await open('b', kept)).body.chain, kept)
    assert.equal((await open('a', kept)).status, 200)
  })
}

test('groups of parameters have options of their own, by label and by pattern', async () => {
  const chain =
    'partition({"decay": sgd(0.5), "rest": chain(clip_by_global_norm(1.0), sgd(1.0))}, {"**/kernel": "decay", "**": "rest"})'
  const { body: opened } = await app.send('PUT', '/v1/sessions/groups', { chain, tensors })
  assert.deepEqual(opened.hyperparams, {
    'decay.learning_rate': 0.5,
    'rest.0.max_norm': 1,
    'rest.1.learning_rate': 1,
  })
  const send = (hyperparams: object) =>
    app.send('POST', '/v1/sessions/groups/steps', { grads: g, hyperparams })
  const norm = Math.hypot(1, 2, 7)
  const expected = (lr: number) => [-1 / norm, -2 / norm, -3 * lr, -4 * lr, -5 * lr, -6 * lr, -7 / norm]
  const close = (found: ArrayLike<number>, wanted: readonly number[]) => {
    for (const [i, x] of wanted.entries())
      assert.ok(Math.abs((found[i] ?? 0) - x) < 1e-6, `${found[i]} for ${x}`)
  }
  close(floats((await send({})).body.updates), expected(0.5))
  close(floats((await send({ 'decay.learning_rate': 0.25 })).body.updates), expected(0.25))
  assert.equal((await send({ learning_rate: 0.1 })).body.code, 'bad_option')
})

test('a condition has options that change too', async () => {
  const chain = 'conditionally_mask(sgd(1.0), after_n(10))'
  const { body: opened } = await app.send('PUT', '/v1/sessions/condition', { chain, tensors })
  assert.deepEqual(opened.hyperparams, { 'inner.learning_rate': 1, 'should_transform_fn.n': 10 })
  const send = (hyperparams: object) =>
    app.send('POST', '/v1/sessions/condition/steps', { grads: g, hyperparams })
  assert.deepEqual([...floats((await send({})).body.updates)], [0, 0, 0, 0, 0, 0, 0])
  assert.deepEqual([...floats((await send({ n: 1 })).body.updates)], [-1, -2, -3, -4, -5, -6, -7])
})

test('the catalogue says what a chain cannot call, and none of these can be called', async () => {
  const { body } = await app.send('GET', '/v1/transformations')
  const names = new Set(body.transformations.map(({ name }: { name: string }) => name))
  assert.ok(names.has('partition') && names.has('every_k'))
  assert.ok(body.unavailable.length > 10)
  for (const { name, reason, instead } of body.unavailable) {
    assert.ok(!names.has(name), name)
    assert.ok(reason.length > 20 && instead.length > 20, name)
  }
  const inject = body.unavailable.find(({ name }: { name: string }) => name === 'inject_hyperparams')
  assert.match(inject.instead, /send hyperparams with a step/)
})
