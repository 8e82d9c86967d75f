import { createRequire } from 'node:module'
import { dirname } from 'node:path'
import type { Tensor } from '@tensorflow/tfjs'
import { steps, type Tf } from './ops.ts'
import { type Contender, median, timed } from './rounds.ts'

/** A step of ops alone is timed, and as `step` one with the gradient uploaded and the update read back. */
export function eagerContender(
  { name, tf, backend }: Eager,
  { loop, shape, g: numbers, p: parameters, times }: Work,
): Contender {
  let state: Tensor[] | undefined
  let kept: readonly Tensor[] = []
  let t = 0
  const step = (g: Tensor, p: Tensor) => {
    t++
    const [u, ...next] = tf.tidy(() => [...(steps[loop]?.({ tf, g, p, s: state ?? [], t }) ?? [])])
    tf.dispose(state ?? [])
    state = next
    return u
  }
  return {
    name,
    async run() {
      await tf.setBackend(backend)
      state ??= [tf.zeros([...shape]), tf.zeros([...shape])]
      if (kept.length === 0) kept = [numbers, parameters].map((array) => tf.tensor(array, [...shape]))
      const [g, p] = kept as [Tensor, Tensor]
      const [alone, whole]: [number[], number[]] = [[], []]
      for (let k = 0; k < times; k++) {
        alone.push(await timed(() => step(g, p)?.dispose()))
        whole.push(
          await timed(() => {
            const given = tf.tensor(numbers, [...shape])
            const u = step(given, p)
            u?.dataSync()
            tf.dispose([given, ...(u === undefined ? [] : [u])])
          }),
        )
      }
      return { ms: median(alone), step: median(whole) }
    },
    close: () => tf.dispose([...(state ?? []), ...kept]),
  }
}

/** A library, and its backend to run on. */
export interface Eager {
  readonly name: string
  readonly tf: Tf
  readonly backend: string
}

interface Work {
  readonly loop: string
  readonly shape: readonly number[]
  readonly g: Float32Array
  readonly p: Float32Array
  readonly times: number
}

/** Those that are here, and why others are not. */
export async function openRivals(): Promise<{
  readonly eager: readonly Eager[]
  readonly missing: readonly string[]
}> {
  const eager: Eager[] = []
  const missing: string[] = []
  for (const [name, open] of Object.entries({ 'tfjs-wasm': openTfjsWasm, 'tfjs-node': openTfjsNode })) {
    try {
      eager.push({ name, ...(await open()) })
    } catch (error) {
      const [reason = ''] = String(error instanceof Error ? error.message : error).split('. ')
      missing.push(`${name} is not here: ${reason}.`)
    }
  }
  return { eager, missing }
}

/** tfjs on WebAssembly, with SIMD; its files are in its package. */
async function openTfjsWasm() {
  const tf = await import('@tensorflow/tfjs')
  const { setWasmPaths } = await import('@tensorflow/tfjs-backend-wasm')
  const main = createRequire(import.meta.url).resolve('@tensorflow/tfjs-backend-wasm')
  setWasmPaths(`${dirname(main)}/`)
  if (!(await tf.setBackend('wasm'))) throw new Error('tfjs has no backend wasm here')
  return { tf, backend: 'wasm' }
}

/** TensorFlow's own library, where its addon was built. */
async function openTfjsNode() {
  const name: string = '@tensorflow/tfjs-node-gpu'
  const module = (await import(name)) as { default: Tf }
  return { tf: module.default, backend: 'tensorflow' }
}
