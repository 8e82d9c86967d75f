import { float64 } from '../../compiler/float64.ts'
import { normal } from '../../compiler/threefry.ts'
import type { Arena } from './arena.ts'
import { hosted } from './ops.ts'
import { singularVectorsIn } from './singular.ts'

/** A compiled module, under a number by which worker threads know it. */
export interface Compiled {
  readonly id: number
  readonly module: WebAssembly.Module
}

export type Run = (block: number, begin: number, end: number, partials: number) => void

const kept = 512

/** Modules by their bytes: chains of one form, on whatever shapes, share them. */
export class Modules {
  readonly #known = new Map<string, Compiled>()
  #made = 0

  compile(bytes: Uint8Array<ArrayBuffer>): Compiled {
    const key = Buffer.from(bytes).toString('latin1')
    const known = this.#known.get(key) ?? { id: this.#made++, module: new WebAssembly.Module(bytes) }
    this.#known.delete(key)
    this.#known.set(key, known)
    const [oldest] = this.#known.keys()
    if (this.#known.size > kept && oldest !== undefined) this.#known.delete(oldest)
    return known
  }
}

const functions = {
  ...Object.fromEntries(hosted.map((name) => [name, (a: number, b: number) => float64[name](a, b, 0)])),
  normal: (key0: number, key1: number, index: number) => normal(key0 >>> 0, key1 >>> 0, index >>> 0),
}

/** The entry of a module over a memory. */
export function instantiate(module: WebAssembly.Module, memory: WebAssembly.Memory): Run {
  const singular_vectors = (block: number) => singularVectorsIn(memory, block >>> 0)
  const instance = new WebAssembly.Instance(module, { env: { memory, ...functions, singular_vectors } })
  return instance.exports.run as Run
}

/** The same, kept with the arena: an instance serves all sessions in it. */
export function runIn(arena: Arena, { id, module }: Compiled): Run {
  const known = arena.instances.get(id) ?? instantiate(module, arena.memory)
  if (arena.instances.size >= kept) arena.instances.clear()
  arena.instances.set(id, known)
  return known
}
