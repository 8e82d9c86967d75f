/**
 * Writes WebAssembly modules: the little of the binary format that kernels need.
 *
 * @see https://webassembly.github.io/spec/core/binary/
 */

export type Type = 'i32' | 'f32' | 'f64' | 'v128'
const types: Readonly<Record<Type, number>> = { i32: 0x7f, f32: 0x7d, f64: 0x7c, v128: 0x7b }

/** Instructions without immediates, by their opcodes; two or more bytes where there is a prefix. */
const plain = {
  i32_eqz: 0x45,
  i32_lt_u: 0x49,
  i32_gt_u: 0x4b,
  i32_le_u: 0x4d,
  i32_add: 0x6a,
  i32_sub: 0x6b,
  i32_mul: 0x6c,
  i32_and: 0x71,
  i32_shl: 0x74,
  f32_demote_f64: 0xb6,
  f64_promote_f32: 0xbb,
  f64_add: 0xa0,
  f64_min: 0xa4,
  f64_max: 0xa5,
} as const

/** The same behind the vector prefix, 0xfd. */
const vector = {
  i32x4_splat: 0x11,
  f32x4_splat: 0x13,
  f64x2_splat: 0x14,
  i32x4_eq: 0x37,
  i32x4_lt_s: 0x39,
  i32x4_gt_s: 0x3b,
  f32x4_eq: 0x41,
  f32x4_ne: 0x42,
  f32x4_lt: 0x43,
  f32x4_le: 0x45,
  f64x2_eq: 0x47,
  f64x2_lt: 0x49,
  v128_and: 0x4e,
  v128_andnot: 0x4f,
  v128_or: 0x50,
  v128_bitselect: 0x52,
  f32x4_demote_f64x2_zero: 0x5e,
  f64x2_promote_low_f32x4: 0x5f,
  f32x4_floor: 0x68,
  i16x8_narrow_i32x4_u: 0x86,
  i32x4_shl: 0xab,
  i32x4_shr_u: 0xad,
  i32x4_add: 0xae,
  i32x4_sub: 0xb1,
  i64x2_shl: 0xcb,
  i64x2_shr_u: 0xcd,
  i64x2_add: 0xce,
  f32x4_abs: 0xe0,
  f32x4_neg: 0xe1,
  f32x4_sqrt: 0xe3,
  f32x4_add: 0xe4,
  f32x4_sub: 0xe5,
  f32x4_mul: 0xe6,
  f32x4_div: 0xe7,
  f32x4_pmin: 0xea,
  f32x4_pmax: 0xeb,
  f64x2_add: 0xf0,
  f64x2_sub: 0xf1,
  f64x2_mul: 0xf2,
  f64x2_div: 0xf3,
  f64x2_min: 0xf4,
  f64x2_max: 0xf5,
  f64x2_pmin: 0xf6,
  f64x2_pmax: 0xf7,
} as const

/** Loads and stores: opcode, and whether a lane follows the address. */
const access = {
  i32_load: [[0x28], false],
  f64_store: [[0x39], false],
  f32_store: [[0x38], false],
  v128_load: [[0xfd, 0x00], false],
  v128_load16x4_u: [[0xfd, 0x04], false],
  v128_load32_splat: [[0xfd, 0x09], false],
  v128_load64_zero: [[0xfd, 0x5d], false],
  v128_store: [[0xfd, 0x0b], false],
  v128_store16_lane: [[0xfd, 0x59], true],
  v128_store32_lane: [[0xfd, 0x5a], true],
  v128_store64_lane: [[0xfd, 0x5b], true],
} as const

export type Plain = keyof typeof plain | keyof typeof vector
export type Access = keyof typeof access

/** The body of a function in the course of being written. A local is made when it is asked for. */
export class Code {
  readonly #parameters: number
  readonly #locals: Type[] = []
  readonly #bytes: number[] = []

  constructor(parameters: number) {
    this.#parameters = parameters
  }

  local(type: Type): number {
    return this.#parameters + this.#locals.push(type) - 1
  }

  op(...names: readonly Plain[]): this {
    for (const name of names) {
      if (name in plain) this.#bytes.push(plain[name as keyof typeof plain])
      else this.#bytes.push(0xfd, ...unsigned(vector[name as keyof typeof vector]))
    }
    return this
  }

  get(...locals: readonly number[]): this {
    for (const local of locals) this.#bytes.push(0x20, ...unsigned(local))
    return this
  }
  set(local: number): this {
    this.#bytes.push(0x21, ...unsigned(local))
    return this
  }
  tee(local: number): this {
    this.#bytes.push(0x22, ...unsigned(local))
    return this
  }

  i32(value: number): this {
    this.#bytes.push(0x41, ...signed(value))
    return this
  }

  /** Four lanes of the same 32 bits. */
  bits(value: number): this {
    return this.v128(value, value, value, value)
  }
  /** Four lanes of the same float32. */
  float(value: number): this {
    return this.bits(new Uint32Array(Float32Array.of(value).buffer)[0] ?? 0)
  }
  /** Two lanes of the same 64 bits. */
  long(value: bigint): this {
    const [low = 0, high = 0] = new Uint32Array(BigUint64Array.of(value).buffer)
    return this.v128(low, high, low, high)
  }
  /** Two lanes of the same float64. */
  double(value: number): this {
    return this.long(bitsOf(value))
  }
  v128(...lanes: readonly [number, number, number, number]): this {
    this.#bytes.push(0xfd, 0x0c, ...new Uint8Array(Uint32Array.from(lanes).buffer))
    return this
  }
  shuffle(lanes: readonly number[]): this {
    this.#bytes.push(0xfd, 0x0d, ...lanes.flatMap((lane) => [0, 1, 2, 3].map((byte) => lane * 4 + byte)))
    return this
  }
  lane(name: 'f32x4_extract' | 'f32x4_replace' | 'f64x2_extract', lane: number): this {
    this.#bytes.push(0xfd, { f32x4_extract: 0x1f, f32x4_replace: 0x20, f64x2_extract: 0x21 }[name], lane)
    return this
  }

  /** A load or store at the address on the stack plus `offset`; of any alignment. */
  memory(name: Access, offset = 0, lane = 0): this {
    const [opcode, lanes] = access[name]
    this.#bytes.push(...opcode, 0, ...unsigned(offset), ...(lanes ? [lane] : []))
    return this
  }

  /** Copies bytes; on the stack are where to, where from, and how many. */
  copy(): this {
    this.#bytes.push(0xfc, 0x0a, 0, 0)
    return this
  }

  call(index: number): this {
    this.#bytes.push(0x10, ...unsigned(index))
    return this
  }

  /** While what `condition` leaves on the stack is not 0. */
  while(condition: () => void, body: () => void): this {
    this.#bytes.push(0x03, 0x40)
    condition()
    return this.if(() => {
      body()
      this.#bytes.push(0x0c, 1)
    }).#end()
  }
  /** If what is on the stack is not 0. */
  if(body: () => void): this {
    this.#bytes.push(0x04, 0x40)
    body()
    return this.#end()
  }
  #end(): this {
    this.#bytes.push(0x0b)
    return this
  }

  encoded(): number[] {
    const locals = list(this.#locals.map((type) => [1, types[type]]))
    return sized([...locals, ...this.#bytes, 0x0b])
  }
}

/** A function that a module imports from `env`. */
export interface Import {
  readonly name: string
  readonly parameters: readonly Type[]
  readonly result: Type
}

/** A module of one function `run` that takes `parameters` i32, over an imported shared memory. */
export function encodeModule(
  code: Code,
  parameters: number,
  imports: readonly Import[],
): Uint8Array<ArrayBuffer> {
  const signatures = [
    ...imports.map((i) => [0x60, ...list(i.parameters.map((type) => [types[type]])), 1, types[i.result]]),
    [0x60, ...list(Array.from({ length: parameters }, () => [types.i32])), 0],
  ]
  const functions = imports.map(({ name }, i) => [...text('env'), ...text(name), 0x00, ...unsigned(i)])
  const memory = [...text('env'), ...text('memory'), 0x02, 0x03, ...unsigned(0), ...unsigned(maximumPages)]
  return Uint8Array.from([
    ...[0x00, 0x61, 0x73, 0x6d, 0x01, 0x00, 0x00, 0x00],
    ...section(1, list(signatures)),
    ...section(2, list([...functions, memory])),
    ...section(3, list([unsigned(imports.length)])),
    ...section(7, list([[...text('run'), 0x00, ...unsigned(imports.length)]])),
    ...section(10, list([code.encoded()])),
  ])
}

/** Pages of 64 KiB in a memory of 32-bit addresses. */
export const maximumPages = 65536

const section = (id: number, content: readonly number[]) => [id, ...sized(content)]
const sized = (bytes: readonly number[]) => [...unsigned(bytes.length), ...bytes]
const list = (items: readonly (readonly number[])[]) => [...unsigned(items.length), ...items.flat()]
const text = (value: string) => sized([...new TextEncoder().encode(value)])

/** The bits of a float64. */
export const bitsOf = (value: number): bigint => new BigUint64Array(Float64Array.of(value).buffer)[0] ?? 0n

/** LEB128. */
function unsigned(value: number): number[] {
  const bytes: number[] = []
  let rest = value
  do {
    const more = rest >= 128
    bytes.push((rest % 128) + (more ? 128 : 0))
    rest = Math.floor(rest / 128)
  } while (rest > 0)
  return bytes
}

function signed(value: number): number[] {
  const bytes: number[] = []
  let rest = value
  for (;;) {
    const low = rest & 0x7f
    rest >>= 7
    const done = (rest === 0 && low < 0x40) || (rest === -1 && low >= 0x40)
    bytes.push(done ? low : low | 0x80)
    if (done) return bytes
  }
}
