import assert from 'node:assert/strict'
import { test } from 'node:test'
import { limits } from '../../server/chains/syntax.ts'
import { fromTree } from '../../server/chains/tree.ts'
import { plainCall } from './plain.ts'

const accepted: readonly (readonly [string, unknown])[] = [
  ['{"name": "clip", "args": {"max_delta": 1.0}}', ['clip', [], [['max_delta', 1]]]],
  ['{"name": "centralize"}', ['centralize', [], []]],
  ['{"name": "optax.contrib.muon"}', ['muon', [], []]],
  [
    '{"name": "chain", "args": {"transforms": [{"name": "clip"}, 2], "other": [true, null, "s"]}}',
    ['chain', [['clip', [], []], 2], [['other', [true, null, 's']]]],
  ],
  ['{"name": "a", "args": {"transforms": 1}}', ['a', [], [['transforms', 1]]]],
  ['{"name": "a", "args": {"": 1}}', ['a', [], [['', 1]]]],
  [
    '{"name": "a", "args": {"m": {"name": "clip", "x": 1}, "c": {"name": "clip"}, "n": {"name": 1}}}',
    [
      'a',
      [],
      [
        [
          'm',
          {
            pairs: [
              ['name', 'clip'],
              ['x', 1],
            ],
          },
        ],
        ['c', ['clip', [], []]],
        ['n', { pairs: [['name', 1]] }],
      ],
    ],
  ],
  [
    '{"name": "__proto__", "args": {"__proto__": {"__proto__": 1, "constructor": 2}, "toString": 3}}',
    [
      '__proto__',
      [],
      [
        [
          '__proto__',
          {
            pairs: [
              ['__proto__', 1],
              ['constructor', 2],
            ],
          },
        ],
        ['toString', 3],
      ],
    ],
  ],
]

for (const [json, call] of accepted)
  test(`${json} is read`, () => assert.deepEqual(plainCall(fromTree(JSON.parse(json))), call))

const root = 'Expected an object {"name": …, "args": {…}} and no other key at the root of the tree, found'

const refused: readonly (readonly [unknown, string, string])[] = [
  [null, '', `${root} null`],
  [undefined, '', `${root} undefined`],
  ['adam', '', `${root} a string`],
  [[{ name: 'adam' }], '', `${root} a list`],
  [{}, '', `${root} an object`],
  [{ name: 1 }, '', `${root} an object`],
  [{ name: 'clip', arg: {} }, '', `${root} an object`],
  [new Map([['name', 'clip']]), '', `${root} an object`],
  [{ name: 'clip', args: [1] }, 'args', 'Expected an object of options at args, found a list'],
  [{ name: 'clip', args: null }, 'args', 'Expected an object of options at args, found null'],
  [
    { name: 'chain', args: { transforms: { name: 'clip' } } },
    'args.transforms',
    'Expected a list at args.transforms, found an object',
  ],
  [
    { name: 'chain', args: { transforms: [1, { name: 'adam', args: { b1: Number.NaN } }] } },
    'args.transforms[1].args.b1',
    'Expected null, true, false, a finite number, a string, a list or an object at args.transforms[1].args.b1, found NaN',
  ],
  [
    { name: 'a', args: { m: { '**/k': [new Uint8Array(1)] } } },
    'args.m["**/k"][0]',
    'Expected null, true, false, a finite number, a string, a list or an object at args.m["**/k"][0], found an object',
  ],
  [
    { name: 'a', args: { m: 1n } },
    'args.m',
    'Expected null, true, false, a finite number, a string, a list or an object at args.m, found a bigint',
  ],
  [{ name: 'n'.repeat(201) }, 'name', 'Cannot take the name at name: it has 201 characters, at most 200'],
]

for (const [json, path, detail] of refused)
  test(`refused: ${detail}`, () =>
    assert.throws(() => fromTree(json), {
      name: 'Problem',
      code: 'malformed_chain',
      message: detail,
      more: { path },
    }))

test('every call, argument and entry says where it stands', () => {
  const call = fromTree({ name: 'chain', args: { transforms: [{ name: 'a', args: { k: { 'x y': 1 } } }] } })
  const at = (path: string) => ({ where: `at ${path}` })
  const entry = { name: 'x y', value: 1, ...at('args.transforms[0].args.k["x y"]') }
  const mapping = { kind: 'mapping', entries: [entry], ...at('args.transforms[0].args.k') }
  const keyword = [{ name: 'k', value: mapping, ...at('args.transforms[0].args.k') }]
  const inner = { kind: 'call', name: 'a', positional: [], keyword, ...at('args.transforms[0]') }
  assert.deepEqual(call, {
    kind: 'call',
    name: 'chain',
    positional: [{ value: inner, ...at('args.transforms[0]') }],
    keyword: [],
    ...at('the root of the tree'),
  })
})

/** Calls inside calls, as deep as asked. */
const nested = (levels: number): object =>
  levels === 1 ? { name: 'a' } : { name: 'chain', args: { transforms: [nested(levels - 1)] } }

test('a tree is held to the limits of a text', () => {
  fromTree(nested(limits.depth))
  assert.throws(() => fromTree(nested(limits.depth + 1)), {
    message: /^Cannot nest deeper than 32 levels at args/,
  })

  const wide = (values: number) => ({ name: 'a', args: { k: Array.from({ length: values - 2 }, () => 1) } })
  fromTree(wide(limits.values))
  assert.throws(() => fromTree(wide(limits.values + 1)), { message: /: a chain has at most 4096 values$/ })

  const long = (characters: number) => ({ name: 'a', args: { k: 's'.repeat(characters - 2) } })
  fromTree(long(limits.text))
  assert.throws(() => fromTree(long(limits.text + 1)), { message: /: a chain has at most 65536 characters$/ })
})
