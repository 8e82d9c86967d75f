import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Problem } from '../../schemas/errors.ts'
import { parseChain } from '../../server/chains/parse.ts'
import { limits } from '../../server/chains/syntax.ts'
import { type PlainCall, plainCall } from './plain.ts'
import { oneOf, seeded } from './random.ts'

const line = 'optax.chain(optax.clip(1.0), optax.centralize(), optax.adam(1e-3))'

const adam = (value: unknown) => ['adam', [value], []]

const accepted: readonly (readonly [string, unknown])[] = [
  [line, ['chain', [['clip', [1], []], ['centralize', [], []], adam(0.001)], []]],
  ['adam()', ['adam', [], []]],
  ['adam(1e-3)', adam(0.001)],
  [
    'adam(learning_rate=1e-3, b1=.9,)',
    [
      'adam',
      [],
      [
        ['learning_rate', 0.001],
        ['b1', 0.9],
      ],
    ],
  ],
  ['adam(1e-3, b1=0.9)', ['adam', [0.001], [['b1', 0.9]]]],
  ['adam(sgd_schedule(1, end=2))', adam(['sgd_schedule', [1], [['end', 2]]])],
  // Numbers
  ['adam(1_000)', adam(1000)],
  ['adam(1_0.0_1e1_0)', adam(1_0.0_1e1_0)],
  ['adam(5.)', adam(5)],
  ['adam(.5)', adam(0.5)],
  ['adam(5.e+2)', adam(500)],
  ['adam(0.0)', adam(0)],
  ['adam(0)', adam(0)],
  ['adam(-1)', adam(-1)],
  ['adam(- 1)', adam(-1)],
  ['adam(+.5E-1)', adam(0.05)],
  ['adam(-0.0)', adam(-0)],
  ['adam(100000000000000000000)', adam(1e20)],
  ['adam(1e-400)', adam(0)],
  // Strings
  ['adam("a")', adam('a')],
  ["adam('a\"b')", adam('a"b')],
  ['adam("")', adam('')],
  [String.raw`adam("\"\\\'\n\r\t\b\f")`, adam('"\\\'\n\r\t\b\f')],
  [String.raw`adam('\x41é\U0001F600\ud800')`, adam('Aé😀\ud800')],
  ['adam("**/kernel # no comment")', adam('**/kernel # no comment')],
  ['adam("é😀\u2028")', adam('é😀\u2028')],
  // Constants and number types
  ['adam(True)', adam(true)],
  ['adam(False)', adam(false)],
  ['adam(None)', adam(null)],
  ['adam(jnp.bfloat16)', adam('bfloat16')],
  ['adam(mu_dtype=jax.numpy.bfloat16)', ['adam', [], [['mu_dtype', 'bfloat16']]]],
  ['adam(torch.bfloat16)', adam('bfloat16')],
  ['adam(np.float32)', adam('float32')],
  // Lists, tuples, dicts
  ['adam([])', adam([])],
  ['adam([1, "a", [None,],])', adam([1, 'a', [null]])],
  ['adam(())', adam([])],
  ['adam((1,))', adam([1])],
  ['adam((1, 2))', adam([1, 2])],
  ['adam((1, 2,))', adam([1, 2])],
  ['adam((1))', adam(1)],
  ['adam((None))', adam(null)],
  ['adam(((1)),)', adam(1)],
  ['adam({})', adam({ pairs: [] })],
  [
    'adam({"a": 1, \'b\': {},})',
    adam({
      pairs: [
        ['a', 1],
        ['b', { pairs: [] }],
      ],
    }),
  ],
  [
    'adam({1_00: 0.1, 20: 2})',
    adam({
      pairs: [
        ['100', 0.1],
        ['20', 2],
      ],
    }),
  ],
  ['adam({"a": sgd(1)})', adam({ pairs: [['a', ['sgd', [1], []]]] })],
  // Prefixes
  ['optax.contrib.muon()', ['muon', [], []]],
  ['contrib.muon()', ['muon', [], []]],
  ['optax.transforms.freeze()', ['freeze', [], []]],
  ['optax.schedules.constant_schedule(1)', ['constant_schedule', [1], []]],
  ['torch.optim.Adam()', ['torch.optim.Adam', [], []]],
  // Blanks, comments and assignments
  ['  adam ( 1e-3 , )  ', adam(0.001)],
  ['tx = adam(1)', adam(1)],
  ['self.tx=adam(1)', adam(1)],
  ['adam(\u00a01)\ufeff', adam(1)],
  ['tx = \\\n  adam(1)', adam(1)],
  ['(adam(1))', adam(1)],
  ['adam(b1 = 1)', ['adam', [], [['b1', 1]]]],
  ['adam(b1=\n1\r\n)\n# the end', ['adam', [], [['b1', 1]]]],
  [
    '# my optimizer\noptimizer = optax.chain(\n\toptax.clip(1.0),  # clip, first\n\toptax.adam(1e-3),\n)\n',
    ['chain', [['clip', [1], []], adam(0.001)], []],
  ],
  // Names that mean something to JavaScript
  ['__proto__()', ['__proto__', [], []]],
  ['constructor(toString(1))', ['constructor', [['toString', [1], []]], []]],
  [
    'a(__proto__=1, constructor=2, toString=3)',
    [
      'a',
      [],
      [
        ['__proto__', 1],
        ['constructor', 2],
        ['toString', 3],
      ],
    ],
  ],
  [
    'adam({"__proto__": 1, "constructor": 2, "hasOwnProperty": 3})',
    adam({
      pairs: [
        ['__proto__', 1],
        ['constructor', 2],
        ['hasOwnProperty', 3],
      ],
    }),
  ],
]

const variable = (name: string) =>
  `a chain is data and knows no variables, so write the number or the schedule in its place, or ${name}(...) if it names a transformation`

const refused: readonly (readonly [string, number, string])[] = [
  [
    '',
    0,
    'Expected a transformation such as chain(clip(1.0), adam(1e-3)) at character 0, found the end of the text',
  ],
  [
    '# adam()',
    8,
    'Expected a transformation such as chain(clip(1.0), adam(1e-3)) at character 8, found the end of the text',
  ],
  ['adam', 0, '`adam` at character 0 names a transformation: call it, adam(...)'],
  ['tx = optax.adam', 5, '`adam` at character 5 names a transformation: call it, adam(...)'],
  ['import optax', 7, "Expected '(' after import at character 7, found 'optax'"],
  ['adam 1', 5, "Expected '(' after adam at character 5, found '1'"],
  ['1e-3', 0, "Expected a transformation such as chain(clip(1.0), adam(1e-3)) at character 0, found '1e-3'"],
  [
    '[clip(1)]',
    0,
    "Expected a transformation such as chain(clip(1.0), adam(1e-3)) at character 0, found '['",
  ],
  ['None', 0, "Expected a transformation such as chain(clip(1.0), adam(1e-3)) at character 0, found 'None'"],
  ['adam(', 5, 'Expected a value at character 5, found the end of the text'],
  ['adam(1', 6, "Expected ',' or ')' after an argument of adam at character 6, found the end of the text"],
  ['chain(clip(1.0) x)', 16, "Expected ',' or ')' after an argument of chain at character 16, found 'x'"],
  ['optax.chain(clip(0 x))', 19, "Expected ',' or ')' after an argument of clip at character 19, found 'x'"],
  ['adam(1,,)', 7, "Expected a value at character 7, found ','"],
  ['adam(,)', 5, "Expected a value at character 5, found ','"],
  ['adam(1]', 6, "Expected ',' or ')' after an argument of adam at character 6, found ']'"],
  ['adam([1)', 7, "Expected ',' or ']' after an item of a list at character 7, found ')'"],
  ['adam((1 2))', 8, "Expected ',' or ')' after a value in parentheses at character 8, found '2'"],
  ['adam((,))', 6, "Expected a value at character 6, found ','"],
  ['adam(1))', 7, "Expected the end of the text after adam(...) at character 7, found ')'"],
  ['adam(1).init', 7, "Expected the end of the text after adam(...) at character 7, found '.'"],
  ['adam(1)(2)', 7, "Expected the end of the text after adam(...) at character 7, found '('"],
  ['adam(1),', 7, "Expected the end of the text after adam(...) at character 7, found ','"],
  ['adam(*xs)', 5, "Expected a value at character 5, found '*'"],
  [
    'adam(1, b1=2, 3)',
    14,
    "Expected a keyword in each argument of adam after the first keyword at character 14, found '3'",
  ],
  ['adam(b1=1, b1=2)', 11, 'Cannot take b1 twice at character 11'],
  ['adam(b1==1)', 8, "Expected a value at character 8, found '='"],
  ['adam(b1=)', 8, "Expected a value at character 8, found ')'"],
  ['adam(é)', 5, "Expected a value at character 5, found 'é'"],
  ['adam(😀)', 5, "Expected a value at character 5, found '😀'"],
  ['adam(\n  1,\n  $)', 13, "Expected a value at character 13 (line 3, column 3), found '$'"],
  // Variables, functions, arithmetic
  ['adam(lr)', 5, `Cannot read lr at character 5: ${variable('lr')}`],
  ['adam(config.lr)', 5, `Cannot read config.lr at character 5: ${variable('config.lr')}`],
  ['adam(learning_rate=lr * 2)', 19, `Cannot read lr at character 19: ${variable('lr')}`],
  [
    'lookahead(optax.sgd)',
    10,
    'Cannot read optax.sgd at character 10: it names a function, so call it: sgd(...)',
  ],
  ['adam(true)', 5, 'Cannot read true at character 5: write True'],
  ['adam(null)', 5, 'Cannot read null at character 5: write None'],
  [
    'masked(mask=lambda p: p)',
    12,
    'Cannot read lambda at character 12: a chain is data, so write a glob over tensor names, a list of them, ndim(2) or a mapping instead',
  ],
  ['adam(1 + 2)', 7, "Cannot compute '+' at character 7: a chain is data, so write the result"],
  ['adam(1-2)', 6, "Cannot compute '-' at character 6: a chain is data, so write the result"],
  ['adam([2 ** 3])', 8, "Cannot compute '*' at character 8: a chain is data, so write the result"],
  ['adam(1) | sgd(1)', 8, "Cannot compute '|' at character 8: a chain is data, so write the result"],
  // Numbers
  ['adam(1e999)', 5, 'Cannot hold the number at character 5: it is beyond float64'],
  ['adam(-1e999)', 6, 'Cannot hold the number at character 6: it is beyond float64'],
  [
    'adam(float("inf"))',
    5,
    'Cannot call float at character 5: write the number itself; numbers are finite, so write one, or leave the option out',
  ],
  [
    'adam(jnp.inf)',
    5,
    'Cannot read jnp.inf at character 5: numbers are finite, so write one, or leave the option out',
  ],
  ['adam(-np.inf)', 6, "Expected a number after '-' at character 6, found 'np.inf'"],
  [
    'adam(nan)',
    5,
    'Cannot read nan at character 5: numbers are finite, so write one, or leave the option out',
  ],
  ['adam(--1)', 6, "Expected a number after '-' at character 6, found '-'"],
  ['adam(-"a")', 6, `Expected a number after '-' at character 6, found '"a"'`],
  ['adam(0x10)', 5, "Cannot read the number '0x' at character 5: write it in decimal, as 1000 or 1e-3"],
  ['adam(1__0)', 5, "Cannot read the number '1_' at character 5: write it in decimal, as 1000 or 1e-3"],
  ['adam(1_)', 5, "Cannot read the number '1_' at character 5: write it in decimal, as 1000 or 1e-3"],
  ['adam(1._0)', 5, "Cannot read the number '1._' at character 5: write it in decimal, as 1000 or 1e-3"],
  ['adam(1e)', 5, "Cannot read the number '1e' at character 5: write it in decimal, as 1000 or 1e-3"],
  ['adam(007)', 5, 'Cannot read an integer that starts with 0 at character 5: leave the zeros in front out'],
  ['adam(1.2.3)', 8, "Expected ',' or ')' after an argument of adam at character 8, found '.3'"],
  // Strings
  ['adam("a)', 5, 'Cannot find the end of the string that starts at character 5: close it on the same line'],
  [
    'adam("a\n")',
    5,
    'Cannot find the end of the string that starts at character 5 (line 1, column 6): close it on the same line',
  ],
  ['adam("a\\', 7, 'Cannot read the escape at character 7: a backslash itself is written twice'],
  ['adam("\\d")', 6, 'Cannot read the escape at character 6: a backslash itself is written twice'],
  ['adam("\\x4")', 6, 'Cannot read the escape at character 6: a backslash itself is written twice'],
  ['adam("\\U00110000")', 6, 'Cannot read the escape at character 6: a backslash itself is written twice'],
  ['adam("a" "b")', 9, `Expected ',' or ')' after an argument of adam at character 9, found '"b"'`],
  // Dicts
  ['adam({1, 2})', 7, "Expected ':' after the key of a dict at character 7, found ','"],
  ['adam({1.5: 2})', 6, "Expected a string or an integer as the key of a dict at character 6, found '1.5'"],
  ['adam({-1: 2})', 6, "Expected a string or an integer as the key of a dict at character 6, found '-'"],
  ['adam({**d})', 6, "Expected a string or an integer as the key of a dict at character 6, found '*'"],
  ['adam({"a": 1, "a": 2})', 14, 'Cannot take a twice at character 14'],
  ['adam({1: 1, "1": 2})', 12, 'Cannot take 1 twice at character 12'],
  ['adam({"a": 1 "b": 2})', 13, `Expected ',' or '}' after an entry of a dict at character 13, found '"b"'`],
  // Keywords are plain names
  ['adam(a.b=1)', 5, 'Cannot take a.b as a keyword at character 5: a keyword has no dots'],
]

for (const [text, tree] of accepted)
  test(`${JSON.stringify(text)} is read`, () => assert.deepEqual(plainCall(parseChain(text)), tree))

for (const [text, position, detail] of refused)
  test(`${JSON.stringify(text)} is refused`, () => assertRefused(text, position, detail))

const assertRefused = (text: string, position: number, detail: string): void => {
  const refusal = { name: 'Problem', code: 'malformed_chain', message: detail, more: { position } }
  assert.throws(() => parseChain(text), refusal)
}

test('every call, argument and entry says where it stands', () => {
  const call = parseChain(' chain(clip(1.0), optax.adam(b1 = {"k": sgd(1)}))')
  const at = (position: number) => ({ where: `at character ${position}`, position })
  const sgd = { kind: 'call', name: 'sgd', positional: [{ value: 1, ...at(44) }], keyword: [], ...at(40) }
  const dict = { kind: 'mapping', entries: [{ name: 'k', value: sgd, ...at(35) }], ...at(34) }
  const clip = { kind: 'call', name: 'clip', positional: [{ value: 1, ...at(12) }], keyword: [], ...at(7) }
  const adam = {
    kind: 'call',
    name: 'adam',
    positional: [],
    keyword: [{ name: 'b1', value: dict, ...at(29) }],
  }
  const positional = [
    { value: clip, ...at(7) },
    { value: { ...adam, ...at(18) }, ...at(18) },
  ]
  assert.deepEqual(call, { kind: 'call', name: 'chain', positional, keyword: [], ...at(1) })
})

const nested = (open: string, close: string, levels: number) =>
  `a(${open.repeat(levels)}1${close.repeat(levels)})`

for (const [open, close] of [
  ['(', ')'],
  ['[', ']'],
  ['{"k":', '}'],
  ['b(', ')'],
  ['b(k=', ')'],
] as const)
  test(`${limits.depth} levels of ${open}${close} are read and no more`, () => {
    parseChain(nested(open, close, limits.depth - 1))
    const deep = nested(open, close, limits.depth)
    const position = 2 + open.length * (limits.depth - 1) + open.indexOf('(') * Number(open.startsWith('b'))
    assertRefused(deep, position, `Cannot nest deeper at character ${position}: at most 32 levels`)
    const deepest = open.repeat(limits.text / open.length)
    assert.throws(() => parseChain(open.startsWith('b') ? deepest : `a(${deepest}`.slice(0, limits.text)), {
      message: /Cannot nest deeper/,
    })
  })

test(`${limits.values} values are read and no more`, () => {
  parseChain(`a(${'1,'.repeat(limits.values - 1)})`)
  const detail = 'Cannot take another value at character 8192: at most 4096 in one expression'
  assertRefused(`a(${'1,'.repeat(limits.values)})`, 8192, detail)
})

test(`${limits.text} characters are read and no more`, () => {
  const text = 'adam(1)'.padEnd(limits.text)
  assert.deepEqual(plainCall(parseChain(text)), adam(1))
  const detail = 'Cannot read on at character 65536: a chain has at most 65536 characters'
  assertRefused(`${text} `, limits.text, detail)
})

test(`${limits.name} characters of a name are read and no more`, () => {
  const name = 'n'.repeat(limits.name)
  parseChain(`optax.${name}(${name}=1)`)
  const detail = (position: number) =>
    `Cannot take the name at character ${position}: it has 201 characters, at most 200`
  assertRefused(`${name}n()`, 0, detail(0))
  assertRefused(`a(${name}n=1)`, 2, detail(2))
})

const hostile: readonly string[] = [
  '(',
  'a(',
  'a(1,',
  '[',
  '{',
  'a({"":',
  '"',
  "'",
  '"\\\\',
  '\\',
  '#',
  '#\n',
  ' ',
  '\n',
  '1',
  '1_',
  '1.',
  '.',
  '-',
  'a',
  'a.',
  'a=',
  'a(b=',
  'a(b=b',
  '1e',
  '"a"',
  '😀',
  '\u0000',
  'e1',
  '0',
  '\\\n',
  'a(1)',
  'a(*',
]

test('reading takes a number of steps linear in the length of the text', () => {
  for (const start of ['', 'a(', 'a("', 'a([', 'a(1', 'a(b'])
    for (const piece of hostile) {
      const text = (start + piece.repeat(limits.text)).slice(0, limits.text)
      const steps = countReads(() => void outcome(text))
      assert.ok(steps < 16 * text.length, `${steps} characters read of ${JSON.stringify(text.slice(0, 20))}…`)
    }
})

/** Characters that a function reads from strings, one by one or in slices. */
const countReads = (run: () => void): number => {
  const { charCodeAt, codePointAt, slice, charAt } = String.prototype
  let reads = 0
  Object.assign(String.prototype, {
    charCodeAt(this: string, index: number) {
      reads += 1
      return charCodeAt.call(this, index)
    },
    codePointAt(this: string, index: number) {
      reads += 1
      return codePointAt.call(this, index)
    },
    charAt(this: string, index: number) {
      reads += 1
      return charAt.call(this, index)
    },
    slice(this: string, from?: number, to?: number) {
      const piece = slice.call(this, from, to)
      reads += piece.length
      return piece
    },
  })
  try {
    run()
  } finally {
    Object.assign(String.prototype, { charCodeAt, codePointAt, slice, charAt })
  }
  return reads
}

/** Reads a text, or fails as a text may fail. */
const outcome = (text: string): PlainCall | string => {
  try {
    return plainCall(parseChain(text))
  } catch (error) {
    assert.ok(error instanceof Problem && error.code === 'malformed_chain', `${text}: ${error}`)
    const { position } = error.more
    assert.ok(Number.isInteger(position) && Number(position) >= 0 && Number(position) <= text.length, text)
    assert.ok(error.message.length < 400, error.message)
    return error.message
  }
}

test('whatever a line is changed into, it is read or refused with a position', () => {
  const random = seeded(20_240_229)
  const lines = accepted.map(([text]) => text)
  const pieces = [
    ...hostile,
    ...lines,
    ...'()[]{},:=+-*.#"\'\\ \nabe_019',
    'None',
    'optax.',
    '__proto__',
    '1e999',
  ]
  let read = 0
  for (let i = 0; i < 30_000; i++) {
    let text = oneOf(random, lines)
    for (let edits = 1 + random(3); edits > 0; edits--) {
      const from = random(text.length + 1)
      text = text.slice(0, from) + (random(3) > 0 ? oneOf(random, pieces) : '') + text.slice(from + random(4))
    }
    if (typeof outcome(text) !== 'string') read += 1
  }
  assert.ok(read > 1000 && read < 29_000, `${read} of 30000 were read`)
})
