import { bytesOf, type Dtype } from '../dtypes.ts'
import type { Addon, Attribute } from './addon.ts'

/** A tensor in TensorFlow's memory: on the GPU where there is one. */
export type Handle = number

/** Numbers that TensorFlow gives to types. */
const types = { F32: 1, F64: 2, INT32: 3, UINT8: 4, BF16: 14, F16: 19 } as const
type Type = keyof typeof types

/**
 * TensorFlow's memory and operations. What is made belongs to the innermost scope, and is given back when that ends,
 * unless it is kept: so a step that fails leaves nothing behind.
 */
export class Device {
  readonly #addon: Addon
  readonly #scopes: Set<Handle>[] = []

  constructor(addon: Addon) {
    this.#addon = addon
  }

  /** Tensors that TensorFlow holds. */
  get count(): number {
    return this.#addon.getNumOfTensors()
  }

  #own(handle: Handle): Handle {
    this.#scopes.at(-1)?.add(handle)
    return handle
  }

  /** Do what makes tensors, then free all of them that were not kept. */
  scope<T>(work: () => T): T {
    const own = new Set<Handle>()
    this.#scopes.push(own)
    try {
      return work()
    } finally {
      this.#scopes.pop()
      for (const handle of own) this.#addon.deleteTensor(handle)
    }
  }

  /** The same, but for the tensor that is returned, which belongs to the scope around it. */
  tidy(work: () => Handle): Handle {
    const result = this.scope(() => {
      const made = work()
      this.keep([made])
      return made
    })
    return this.#own(result)
  }

  /** Take tensors out of their scopes: they stay until they are freed. */
  keep(handles: Iterable<Handle>): void {
    for (const handle of handles) for (const scope of this.#scopes) scope.delete(handle)
  }

  free(handle: Handle): void {
    this.keep([handle])
    this.#addon.deleteTensor(handle)
  }

  run(op: string, inputs: readonly Handle[], attributes: readonly Attribute[] = []): Handle {
    try {
      return this.#own(this.#addon.executeOp(op, attributes, inputs, 1)[0].id)
    } catch (error) {
      const reason = error instanceof Error ? error.message.replaceAll('\n', ' ') : String(error)
      throw new Error(`TensorFlow cannot run ${op}: ${reason}`)
    }
  }

  #type(name: string, type: Type): Attribute {
    return { name, type: this.#addon.TF_ATTR_TYPE, value: types[type] }
  }

  cast(x: Handle, to: Type): Handle {
    return this.run('Cast', [x], [this.#type('DstT', to)])
  }

  /** The same bytes as another type. */
  #as(x: Handle, type: Type): Handle {
    return this.run('Bitcast', [x], [this.#type('type', type)])
  }

  scalar(value: number): Handle {
    return this.#own(this.#addon.createTensor([], types.F32, Float32Array.of(value)))
  }

  /** Whole numbers, such as axes and shapes. */
  integers(values: readonly number[] | Int32Array): Handle {
    return this.#own(this.#addon.createTensor([values.length], types.INT32, Int32Array.from(values)))
  }

  reshape(x: Handle, shape: readonly number[]): Handle {
    return this.tidy(() => this.run('Reshape', [x, this.integers(shape)]))
  }

  /** Products of matrices, or of matrices and transposed ones. */
  multiply(x: Handle, y: Handle, transposed = false): Handle {
    const flag = (name: string, value: boolean) => ({ name, type: this.#addon.TF_ATTR_BOOL, value })
    return this.run('BatchMatMulV2', [x, y], [flag('adj_x', false), flag('adj_y', transposed)])
  }

  /** Certain rows of a tensor, in this order. */
  rowsOf(x: Handle, rows: Int32Array): Handle {
    return this.tidy(() =>
      this.run('GatherV2', [x, this.integers(rows), this.reshape(this.integers([0]), [])]),
    )
  }

  /** A tensor with certain rows replaced. */
  withRows(x: Handle, rows: Int32Array, by: Handle): Handle {
    return this.tidy(() => {
      const places = this.reshape(this.integers(rows), [rows.length, 1])
      return this.run('TensorScatterUpdate', [x, places, by])
    })
  }

  /** In float64: sums of many numbers lose too much in float32. */
  reduce(op: 'Sum' | 'Max' | 'Min', x: Handle, axes: readonly number[], keep: boolean): Handle {
    const attribute = { name: 'keep_dims', type: this.#addon.TF_ATTR_BOOL, value: keep }
    return this.tidy(() => this.run(op, [this.cast(x, 'F64'), this.integers(axes)], [attribute]))
  }

  /** Tensors of float64, back to back in one array on the host. */
  gather(tensors: readonly Handle[]): Float64Array {
    return this.scope(() => {
      const flat = this.integers([-1])
      // One more, for what is joined must be two at least.
      const parts = [...tensors, this.cast(this.scalar(0), 'F64')].map((x) => this.run('Reshape', [x, flat]))
      const count = { name: 'N', type: this.#addon.TF_ATTR_INT, value: parts.length }
      const axis = this.reshape(this.integers([0]), [])
      const joined = this.run('ConcatV2', [...parts, axis], [count, this.#type('T', 'F64')])
      return new Float64Array(this.#bytes(this.#as(joined, 'INT32')).buffer)
    })
  }

  /** Bring bytes of a number type over, which must not change from then on; widened to float32. */
  upload(bytes: Uint8Array, dtype: Dtype, shape: readonly number[]): Handle {
    const { buffer, byteOffset, byteLength } = bytes
    if (dtype === 'F32') {
      const floats =
        byteOffset % 4 === 0
          ? new Float32Array(buffer, byteOffset, byteLength / 4)
          : new Float32Array(Uint8Array.from(bytes).buffer)
      return this.#own(this.#addon.createTensor(shape, types.F32, floats))
    }
    return this.tidy(() => {
      const raw = this.#own(this.#addon.createTensor([...shape, bytesOf[dtype]], types.UINT8, bytes))
      return this.cast(this.#as(raw, dtype), 'F32')
    })
  }

  /** The bytes of a tensor of float32, narrowed to a number type, to nearest even. */
  download(x: Handle, dtype: Dtype, size: number): Uint8Array<ArrayBuffer> {
    if (dtype === 'F32') return this.#bytes(x)
    return this.scope(() => {
      if (dtype === 'F64') return this.#bytes(this.#as(this.cast(x, dtype), 'INT32'))
      // The addon reads no types of 16 bits: two numbers leave as one of 32, after an odd one a zero.
      const padding = this.reshape(this.integers([0, size % 2]), [1, 2])
      const even = this.run('Pad', [this.reshape(x, [size]), padding])
      const pairs = this.cast(this.reshape(even, [Math.ceil(size / 2), 2]), dtype)
      return this.#bytes(this.#as(pairs, 'INT32')).subarray(0, 2 * size)
    })
  }

  #bytes(x: Handle): Uint8Array<ArrayBuffer> {
    return new Uint8Array(this.#addon.tensorDataSync(x).buffer)
  }
}
