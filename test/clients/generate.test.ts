import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { command, generate } from '../../client/generate/files.ts'
import { type Kind, readKind } from '../../client/generate/kinds.ts'
import { identifier, writeTypeScript } from '../../client/generate/typescript.ts'
import { type Call, readVocabulary } from '../../client/generate/vocabulary.ts'
import { StepdError, worthRetrying } from '../../client/typescript/errors.ts'
import * as client from '../../client/typescript/index.ts'
import * as builders from '../../client/typescript/vocabulary.ts'
import { canonical, catalogue, readChain } from '../../server/chains/index.ts'
import { isTerm, type Setting, type Term } from '../../server/expression/index.ts'
import { loadVectors } from '../vectors/load.ts'

const root = join(import.meta.dirname, '..', '..', '..')

test('generated files are up to date', () => {
  for (const [path, text] of generate())
    assert.ok(readFileSync(join(root, path), 'utf8') === text, `${path} is stale: run \`${command}\``)
})

test('there is a builder for every name of the catalogue, and nothing of the client hides one', () => {
  const names = [...catalogue.keys()].map(identifier)
  assert.deepEqual(Object.keys(builders).sort(), names.sort())
  for (const name of names) assert.equal(Reflect.get(client, name), Reflect.get(builders, name), name)
})

/** A chain as the builders make it, of the canonical one: what leads by position, or all by name. */
function build(term: Term, form: 'in order' | 'by name'): unknown {
  const builder = Reflect.get(builders, identifier(term.name)) as (...args: readonly unknown[]) => unknown
  const convert = (setting: Setting): unknown => {
    if (isTerm(setting)) return build(setting, form)
    if (setting instanceof Map)
      return Object.fromEntries([...setting].map(([key, value]) => [key, convert(value)]))
    return Array.isArray(setting) ? setting.map(convert) : setting
  }
  const args = new Map([...term.args].map(([name, setting]) => [name, convert(setting)]))
  if (term.name === 'chain' || term.name === 'named_chain')
    return builder(...(args.get('transforms') as readonly unknown[]))
  const options = Object.entries(catalogue.get(term.name)?.options ?? {})
  const required = options.filter(([, option]) => option.fallback === undefined && !option.keywordOnly)
  // One object is the mask itself.
  if (form === 'by name' && term.name !== 'freeze')
    return args.size === 0 ? builder() : builder(Object.fromEntries(args))
  const leading = (required.length > 0 ? required : options.slice(0, 1)).map(([name]) => name)
  const others = [...args].filter(([name]) => !leading.includes(name))
  return builder(
    ...leading.map((name) => args.get(name)),
    ...(others.length > 0 ? [Object.fromEntries(others)] : []),
  )
}

test('builders and text mean the same, for the chain of every vector', () => {
  for (const { name, chain } of loadVectors()) {
    for (const form of ['in order', 'by name'] as const)
      assert.equal(canonical(build(readChain(chain), form)), canonical(chain), `${name}, ${form}`)
  }
})

test('what the client sends again is what the error table says', () => {
  for (const { code, status, retryable } of readVocabulary().errors)
    assert.equal(worthRetrying(new StepdError({ status, code, detail: '' })), retryable, code)
})

const number: Kind = { is: 'word', word: 'number' }

test('kinds of options are read from their words', () => {
  const kinds: readonly (readonly [string, Kind])[] = [
    ['number', number],
    ['"a" | None', { is: 'union', of: [{ is: 'literal', text: 'a' }, readKind('None')] }],
    ['axis | list of axes', { is: 'union', of: [readKind('axis'), { is: 'list', of: readKind('axis') }] }],
    [
      '(number, "b") | list of them',
      { is: 'union', of: [readKind('(number, "b")'), readKind('list of (number, "b")')] },
    ],
    ['{integer: number}', { is: 'mapping', key: 'integer', to: number }],
    [
      '{a: number, b?: flag | None}',
      {
        is: 'record',
        fields: [
          { name: 'a', kind: number, required: true },
          { name: 'b', kind: readKind('flag | None'), required: false },
        ],
      },
    ],
    ['(number, number) …', { is: 'arguments', of: { is: 'tuple', of: [number, number] } }],
  ]
  for (const [text, kind] of kinds) assert.deepEqual(readKind(text), kind, text)
})

test('words that are no kind are refused, and where', () => {
  for (const [text, where] of [
    ['number | colour', /one of axis, .*, and not colour at its end/],
    ['{a: number', /expected } at its end/],
    ['number number, flag', /and not number number before ', flag'/],
    ['list of', /expected more at its end/],
  ] as const)
    assert.throws(() => readKind(text), where, text)
})

test('names that are words of the language and texts that would end early are written so that they do not', () => {
  const call: Call = {
    name: 'delete',
    makes: 'schedule',
    formula: 'u = */ g',
    reference: "'",
    options: [{ name: 'mode', kind: { is: 'literal', text: "it's" }, required: true, keywordOnly: true }],
  }
  const text = writeTypeScript({ calls: [call], errors: [], retryable: [] }, command)
  assert.match(text, /\nexport const delete_ = defineSchedule</)
  assert.match(text, /`u = \*\\\/ g`/)
  assert.match(text, /\{ mode: 'it\\'s' \}/)
  assert.match(text, /\('delete', \[\]\)/)
})
