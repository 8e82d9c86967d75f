import { createRequire } from 'node:module'
import { dirname } from 'node:path'
import type { Tf } from './adamw.ts'

const open = {
  /** TensorFlow's own library for CPUs, where its addon was built. */
  async tensorflow(): Promise<Tf> {
    const name: string = '@tensorflow/tfjs-node-gpu'
    const { default: tf } = (await import(name)) as { default: Tf }
    return tf
  },
  /** WebAssembly with SIMD: one thread, tfjs has no more of them in Node. */
  async wasm(): Promise<Tf> {
    const { setWasmPaths } = await import('@tensorflow/tfjs-backend-wasm')
    const main = createRequire(import.meta.url).resolve('@tensorflow/tfjs-backend-wasm')
    setWasmPaths(`${dirname(main)}/`)
    return import('@tensorflow/tfjs')
  },
  /** Plain JavaScript. */
  cpu: (): Promise<Tf> => import('@tensorflow/tfjs'),
}

export type Backend = keyof typeof open

/** What tfjs can compute with in Node. */
export const backends = Object.keys(open) as readonly Backend[]

/** @throws Error where it is not here */
export async function openBackend(name: Backend): Promise<Tf> {
  const tf = await open[name]()
  tf.enableProdMode()
  if (!(await tf.setBackend(name))) throw new Error(`tfjs cannot set its backend ${name} here`)
  await tf.ready()
  return tf
}
