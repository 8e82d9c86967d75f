import assert from 'node:assert/strict'
import { test } from 'node:test'
import { matchesGlob } from '../../server/expression/globs.ts'

/** A glob, names that it matches, names that it does not. */
const table: readonly (readonly [string, readonly string[], readonly string[]])[] = [
  ['kernel', ['kernel'], ['a/kernel', 'kernel/a', 'kernels', 'Kernel', '']],
  ['*', ['kernel', 'a', ''], ['a/b', '/']],
  ['*/kernel', ['a/kernel', '/kernel'], ['kernel', 'a/b/kernel']],
  ['**', ['', 'a', 'a/b/c', '/'], []],
  ['**/kernel', ['kernel', 'a/kernel', 'a/b/kernel'], ['kernel/a', 'a/kernels', 'akernel']],
  ['layer/**', ['layer', 'layer/a', 'layer/a/b'], ['layers', 'a/layer']],
  ['a/**/z', ['a/z', 'a/b/z', 'a/b/c/z', 'a/z/z'], ['a', 'z', 'a/zz', 'ab/z']],
  ['**/b/**/b', ['b/b', 'a/b/c/b', 'b/b/b'], ['b', 'a/b', 'b/a']],
  ['**/**', ['', 'a', 'a/b'], []],
  ['**x', ['x', 'ax', '**x'], ['a/x', 'xa']],
  ['b*s', ['bs', 'bias', 'bss'], ['bia', 'b/s', 'abs']],
  ['*a*a*', ['aa', 'banana', 'aaa'], ['a', 'b', 'a/a']],
  ['a*b*c', ['abc', 'abbc', 'axbybzc'], ['acb', 'ab', 'abcd']],
  ['w?', ['w0', 'w?', 'w😀', 'wé'], ['w', 'w12', 'w/']],
  ['?😀*', ['a😀', '😀😀b'], ['😀', 'a']],
  ['l[0].(w)+$', ['l[0].(w)+$'], ['l0w', 'l[0]x(w)+$']],
  ['a\\*', ['a\\', 'a\\b'], ['a*', 'a']],
  ['', [''], ['a', '/']],
]

for (const [glob, matching, others] of table) {
  test(`the glob ${JSON.stringify(glob)}`, () => {
    for (const name of matching) assert.ok(matchesGlob(glob, name), `should match ${JSON.stringify(name)}`)
    for (const name of others) assert.ok(!matchesGlob(glob, name), `should not match ${JSON.stringify(name)}`)
  })
}

test('globs agree with their plain definition on all short names', () => {
  const letters = ['a', 'b', '/']
  const words = (alphabet: readonly string[], length: number): string[] =>
    length === 0 ? [''] : words(alphabet, length - 1).flatMap((word) => alphabet.map((x) => word + x))
  const upTo = (alphabet: readonly string[], length: number) =>
    Array.from({ length: length + 1 }, (_, n) => words(alphabet, n)).flat()
  const names = upTo(letters, 4)
  for (const glob of upTo(['a', '/', '*', '?'], 5))
    for (const name of names)
      assert.equal(matchesGlob(glob, name), plainly(glob.split('/'), name.split('/')), `${glob} on ${name}`)
})

/** What a glob means, by trying all there is. */
function plainly(glob: readonly string[], name: readonly string[]): boolean {
  const [first, ...rest] = glob
  const [segment, ...others] = name
  if (first === undefined) return segment === undefined
  if (first === '**') return plainly(rest, name) || (segment !== undefined && plainly(glob, others))
  return segment !== undefined && inSegment(first, segment) && plainly(rest, others)
}

function inSegment(glob: string, text: string): boolean {
  if (glob === '') return text === ''
  if (glob[0] === '*')
    return inSegment(glob.slice(1), text) || (text !== '' && inSegment(glob, text.slice(1)))
  return text !== '' && (glob[0] === '?' || glob[0] === text[0]) && inSegment(glob.slice(1), text.slice(1))
}

test('a hostile glob takes time in proportion to both lengths', () => {
  const glob = `${'*a'.repeat(63)}b`
  const time = (length: number) => {
    const name = 'a'.repeat(length)
    const start = performance.now()
    for (let i = 0; i < 200; i++) assert.ok(!matchesGlob(glob, name))
    return performance.now() - start
  }
  time(256)
  const [short, long] = [time(256), time(1024)]
  assert.ok(
    long < 40 * short + 500,
    `${long.toFixed(1)} ms for four times the length of ${short.toFixed(1)} ms`,
  )
})
