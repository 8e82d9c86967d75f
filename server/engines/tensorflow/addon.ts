import { existsSync, readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'

/** TensorFlow's C API as `@tensorflow/tfjs-node-gpu` hands it to JavaScript. All calls block. */
export interface Addon {
  /** Copies, or keeps a view whose memory is aligned: so what it is given must not change. */
  createTensor(
    shape: readonly number[],
    dtype: number,
    values: Float32Array | Int32Array | Uint8Array,
  ): number
  deleteTensor(id: number): void
  tensorDataSync(id: number): Float32Array<ArrayBuffer> | Int32Array<ArrayBuffer> | Uint8Array<ArrayBuffer>
  executeOp(
    name: string,
    attributes: readonly Attribute[],
    inputs: readonly number[],
    outputs: 1,
  ): readonly [{ readonly id: number }]
  getNumOfTensors(): number
  isUsingGpuDevice(): boolean
  readonly TF_Version: string
  readonly TF_ATTR_BOOL: number
  readonly TF_ATTR_INT: number
  readonly TF_ATTR_TYPE: number
}

export interface Attribute {
  readonly name: string
  readonly type: number
  readonly value: number | boolean
}

export const packageName = '@tensorflow/tfjs-node-gpu'
const require = createRequire(import.meta.url)

/** Where the package lies; undefined where it is not installed, for it is optional. */
export function packageFolder(): string | undefined {
  try {
    return dirname(require.resolve(`${packageName}/package.json`))
  } catch {
    return undefined
  }
}

/** The addon in the folder of the package. Built for Node-API 8, one binary serves every Node from 20 on. */
export const addonIn = (folder: string): string => join(folder, 'lib', 'napi-v8', 'tfjs_binding.node')

/** What `setup.ts` has built, noted beside the library: `cpu` or `gpu`, and TensorFlow's version. */
export const noteIn = (folder: string): string => join(folder, 'deps', 'stepd.json')

export interface Built {
  readonly version: string
  readonly kind: 'cpu' | 'gpu'
}

export function builtIn(folder: string): Built | undefined {
  if (!existsSync(addonIn(folder)) || !existsSync(noteIn(folder))) return undefined
  return JSON.parse(readFileSync(noteIn(folder), 'utf8')) as Built
}

/** What keeps the engine from starting, and what to do about it; undefined where nothing does. */
export function missing(): string | undefined {
  const folder = packageFolder()
  if (folder === undefined)
    return `${packageName} is not installed: run npm ci, then npm run setup:tensorflow`
  if (existsSync(addonIn(folder))) return undefined
  return `${packageName} is installed, but its addon is not built: run npm run setup:tensorflow (-- --gpu for a GPU)`
}

/**
 * Load the addon, without the JavaScript around it: that more than doubles the time to load, and from Node 23 on it
 * calls functions that Node no longer has.
 * @throws Error that says what is missing
 */
export function loadAddon(): Addon {
  const lacking = missing()
  const folder = packageFolder()
  if (lacking !== undefined || folder === undefined)
    throw new Error(`The engine tensorflow cannot start: ${lacking}`)
  try {
    return require(addonIn(folder)) as Addon
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error)
    throw new Error(
      `The engine tensorflow cannot load ${addonIn(folder)}: ${reason}. Build it again: npm run setup:tensorflow`,
    )
  }
}
