import assert from 'node:assert/strict'
import { test } from 'node:test'
import { parseChain } from '../../server/chains/parse.ts'
import { printChain } from '../../server/chains/print.ts'
import type { Entry, Value } from '../../server/chains/syntax.ts'
import { type Call, isCall, isList, isMapping, limits, spreads } from '../../server/chains/syntax.ts'
import type { Setting, Term } from '../../server/expression/index.ts'
import { oneOf, seeded } from './random.ts'

const call = (name: string, args: Readonly<Record<string, Setting>> = {}): Term => ({
  name,
  args: new Map(Object.entries(args)),
})

const printed: readonly (readonly [Term, string])[] = [
  [call('centralize'), 'centralize()'],
  [call('clip', { max_delta: 1.0 }), 'clip(max_delta=1)'],
  [
    call('chain', { transforms: [call('clip', { max_delta: 0.5 }), call('adam', { learning_rate: 0.001 })] }),
    'chain(clip(max_delta=0.5), adam(learning_rate=0.001))',
  ],
  [call('chain', { transforms: [] }), 'chain()'],
  [call('a', { x: 1e-7, y: 1e21, z: -0, w: -1.5 }), 'a(x=1e-7, y=1e+21, z=-0.0, w=-1.5)'],
  [call('a', { x: null, y: true, z: false }), 'a(x=None, y=True, z=False)'],
  [call('a', { x: [1, [], 'b'], y: new Map() }), 'a(x=[1, [], "b"], y={})'],
  [
    call('a', {
      x: new Map<string, Setting>([
        ['100', 0.1],
        ['**/k', call('sgd')],
      ]),
    }),
    'a(x={100: 0.1, "**/k": sgd()})',
  ],
  [call('a', { x: 'q"\\\n\u0000é😀\ud800' }), String.raw`a(x="q\"\\\n\u0000é😀\ud800")`],
]

for (const [tree, text] of printed) test(`${text} is printed`, () => assert.equal(printChain(tree), text))

test('a chain too long to be read again is refused', () => {
  const fits = call('a', { x: 's'.repeat(limits.text - 'a(x="")'.length) })
  assert.deepEqual(toTree(parseChain(printChain(fits))), fits)
  assert.throws(() => printChain(call('ab', { x: fits.args.get('x') ?? '' })), {
    name: 'Problem',
    code: 'malformed_chain',
    message: 'Cannot write the chain in full: 65537 characters, at most 65536',
  })
})

test('numbers that are not finite are refused', () => {
  assert.throws(() => printChain(call('a', { x: Number.NaN })), RangeError)
})

test('what is printed is read as the same tree', () => {
  const random = seeded(7)
  for (let i = 0; i < 2000; i++) {
    const tree = randomCall(random, 4)
    assert.deepEqual(toTree(parseChain(printChain(tree))), tree, printChain(tree))
  }
})

/** A call as the tree that it was printed from: all by keyword, positional arguments in the list they stand for. */
const toTree = ({ name, positional, keyword }: Call): Term => {
  const spread = spreads.get(name)
  const items = positional.map(({ value }) => toTreeValue(value))
  return {
    name,
    args: new Map([...(spread === undefined ? [] : [[spread, items] as const]), ...toPairs(keyword)]),
  }
}

const toTreeValue = (value: Value): Setting => {
  if (isCall(value)) return toTree(value)
  if (isMapping(value)) return new Map(toPairs(value.entries))
  return isList(value) ? value.map(toTreeValue) : value
}

const toPairs = (entries: readonly Entry[]): readonly (readonly [string, Setting])[] =>
  entries.map(({ name, value }) => [name, toTreeValue(value)])

type Random = (bound: number) => number

const randomCall = (random: Random, depth: number): Term => {
  if (random(3) === 0)
    return call('chain', { transforms: repeat(random, () => randomValue(random, depth - 1)) })
  const name = randomName(random)
  return { name, args: new Map(repeat(random, () => [randomName(random), randomValue(random, depth - 1)])) }
}

const randomValue = (random: Random, depth: number): Setting => {
  switch (random(depth > 0 ? 8 : 5)) {
    case 0:
      return oneOf(random, [null, true, false])
    case 1:
      return oneOf(random, [0, -0, 1, 1e21, 5e-324, 1.7976931348623157e308, 2 ** 53, 0.1 + 0.2, -1e-7, 1e-6])
    case 2:
      return randomNumber(random)
    case 3:
    case 4:
      return randomText(random)
    case 5:
      return repeat(random, () => randomValue(random, depth - 1))
    case 6:
      return new Map(repeat(random, () => [randomText(random), randomValue(random, depth - 1)]))
    default:
      return randomCall(random, depth)
  }
}

const repeat = <T>(random: Random, make: () => T): T[] => Array.from({ length: random(5) }, make)

/** Any finite float64, all exponents alike. */
const randomNumber = (random: Random): number => {
  const words = new Uint32Array([random(2 ** 32), random(2 ** 32)])
  const [value = 0] = new Float64Array(words.buffer)
  return Number.isFinite(value) ? value : 1
}

const letters = [...'abz_09AZ']

const randomName = (random: Random): string =>
  oneOf(random, [
    'adam',
    '__proto__',
    'constructor',
    'toString',
    'b1',
    '_',
    oneOf(random, letters.slice(0, 4)),
  ]) + repeat(random, () => oneOf(random, letters)).join('')

const randomText = (random: Random): string =>
  repeat(random, () =>
    oneOf(random, [...'ab"\'\\/#(){}[],:=*\n\r\t\u0000\u007f\u2028é', '😀', '\ud800', '\udc00']),
  ).join('')
