import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { type TestContext, test } from 'node:test'
import { float64 } from '../../server/compiler/float64.ts'
import { Code, encodeModule } from '../../server/engines/wasm/encoder.ts'
import { exp, log, pow, tanh } from '../../server/engines/wasm/math.ts'

const functions = { exp, log, tanh, pow }
type Name = keyof typeof functions

/** In units of the last place of float32; the engine is to stay within 2. */
const allowed = 0.51

/**
 * What the bits come to, over `everywhere`. Sessions are replayed byte for byte: where a hash is another one, raise the
 * number in the engine's `numerics`, too.
 */
const golden: Readonly<Record<Name, string>> = {
  exp: 'aaf0db4d9d8f43eb0089995a820a1cda',
  log: 'dd7fa557e8e20075d99faf0cbc394945',
  tanh: '67b348e58c3036f0afbd1280556dafb3',
  pow: '04efc8495b1a399818da4a021aafe3e9',
}

/** Even here, the same numbers in each run. */
function* random(): Generator<number, never> {
  for (let state = 1; ; ) {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0
    yield state / 2 ** 32
  }
}

/** One of each 4096 float32 numbers in the order of their bits: all signs, all exponents, NaN. */
function everywhere(): Float32Array {
  const numbers = random()
  const bits = Uint32Array.from({ length: 2 ** 20 }, (_, i) => i * 4096 + numbers.next().value * 4096)
  return new Float32Array(bits.buffer)
}

/** The 2¹⁶ float32 numbers nearest to `x` in the order of their bits. */
function near(x: number): Float32Array {
  const [centre = 0] = new Uint32Array(Float32Array.of(x).buffer)
  return new Float32Array(Uint32Array.from({ length: 2 ** 16 }, (_, i) => centre - 2 ** 15 + i).buffer)
}

const special = Float32Array.from(
  [0, 1, 2, 3, 0.5, 1.5, 1 / 3, 1e-10, 2 ** -149, 2 ** -126, 2 ** 24 - 1, 2 ** 24, 2 ** 31, 3.4e38, Infinity]
    .flatMap((x) => [x, -x])
    .concat(Number.NaN),
)

/** The function on whole arrays, four elements at a time. */
function run(name: Name, a: Float32Array, b: Float32Array): Float32Array {
  const bytes = Math.ceil(a.byteLength / 16) * 16
  const pages = Math.ceil((3 * bytes) / 65536)
  const memory = new WebAssembly.Memory({ initial: pages, maximum: pages, shared: true })
  new Float32Array(memory.buffer, 0).set(a)
  new Float32Array(memory.buffer, bytes).set(b)
  const code = new Code(1)
  const [x, y, at] = [code.local('v128'), code.local('v128'), code.local('i32')]
  code.while(
    () => code.get(at, 0).op('i32_lt_u'),
    () => {
      code.get(at).memory('v128_load').set(x).get(at).memory('v128_load', bytes).set(y).get(at)
      functions[name](code, x, y)
      code
        .memory('v128_store', 2 * bytes)
        .get(at)
        .i32(16)
        .op('i32_add')
        .set(at)
    },
  )
  const module = new WebAssembly.Module(encodeModule(code, 1, []))
  const { exports } = new WebAssembly.Instance(module, { env: { memory } })
  ;(exports.run as (end: number) => void)(bytes)
  return new Float32Array(memory.buffer, 2 * bytes, a.length).slice()
}

const wide = new Float64Array(1)
const words = new Uint32Array(wide.buffer)

/** Of `found` from `exact`, in units of the last place; infinite where it is of another kind. */
function error(found: number, exact: number): number {
  const rounded = Math.fround(exact)
  if (Object.is(found, rounded) && (rounded === 0 || !Number.isFinite(rounded))) return 0
  if (Number.isNaN(found) || Number.isNaN(exact) || Object.is(found, -0) !== Object.is(rounded, -0))
    return Infinity
  wide[0] = rounded
  const exponent = Math.max((((words[1] ?? 0) >>> 20) & 0x7ff) - 1023, -126)
  const finite = (x: number) => Math.min(Math.max(x, -(2 ** 128)), 2 ** 128)
  return Math.abs(finite(found) - finite(exact)) / 2 ** (Math.min(exponent, 127) - 23)
}

/** The largest error over arrays, which must be small enough. */
function check(name: Name, a: Float32Array, b: Float32Array = a): number {
  let worst = { error: 0, text: '' }
  for (const [i, found] of run(name, a, b).entries()) {
    const [x = 0, y = 0] = [a[i], b[i]]
    const exact = float64[name](x, y, 0)
    const off = error(found, exact)
    if (off > worst.error) worst = { error: off, text: `${name} of ${x}, ${y}: ${found}, expected ${exact}` }
  }
  assert.ok(worst.error <= allowed, `${worst.text}: off by ${worst.error} ulp`)
  return worst.error
}

const report = (t: TestContext, errors: readonly number[]) =>
  t.diagnostic(`at most ${Math.max(...errors).toFixed(4)} ulp`)

const hard: Readonly<Record<'exp' | 'log' | 'tanh', readonly number[]>> = {
  // Rounded to ±1; least normal and least denormal result; where n changes; greatest result.
  exp: [2 ** -25, -(2 ** -25), -87.33655, -103.97208, 0.34657359, -0.34657359, 88.72284, 1],
  // Where the exponent changes; around 1; least normal operand.
  log: [1, Math.SQRT1_2, Math.SQRT2, 0.5, 2, 2 ** -126, Math.E],
  // Where x is its own; where n changes; where the result is ±1.
  tanh: [2 ** -126, 4e-4, -4e-4, 0.1732868, -0.1732868, 0.5, 9.010913, -9.010913],
}

for (const name of ['exp', 'log', 'tanh'] as const)
  test(`${name} of float32 lanes`, (t) =>
    report(
      t,
      [special, everywhere(), ...hard[name].map(near)].map((x) => check(name, x)),
    ))

test('pow of float32 lanes: special operands by each other', (t) => {
  const pairs = [...special].flatMap((x) => [...special].map((y) => [x, y] as const))
  const [a, b] = [0, 1].map((k) => Float32Array.from(pairs, (pair) => pair[k] ?? 0))
  report(t, [check('pow', a ?? special, b)])
})

test('pow of float32 lanes: all bases to exponents in use', (t) => {
  const bases = everywhere()
  const exponents = [0.5, -0.5, 1 / 3, -0.25, 0.75, 0.8, 0.9, 0.999, 1, -1, 2, 3, -5, 0.001]
  report(
    t,
    exponents.map((y) => check('pow', bases, new Float32Array(bases.length).fill(y))),
  )
})

test('pow of float32 lanes: bases about 1 and results of all sizes', (t) => {
  const numbers = random()
  const bases = [everywhere().map(Math.abs), near(1)]
  const errors = bases.map((a) => {
    // ln of the result is between ± 110: a little more than float32 holds.
    const b = a.map((x) => ((numbers.next().value - 0.5) * 220) / Math.log(x))
    return check('pow', a, b)
  })
  report(t, errors)
})

for (const name of ['exp', 'log', 'tanh', 'pow'] as const)
  test(`the bits of ${name} are what they were`, () => {
    const x = everywhere()
    const y = everywhere().map((v, i) => (i % 2 === 0 ? v : ((i % 1001) - 500) / 64))
    // The payload of NaN is not ours.
    const found = run(name, x, y).map((v) => (Number.isNaN(v) ? 0 : v))
    assert.equal(createHash('sha256').update(found).digest('hex').slice(0, 32), golden[name])
  })
