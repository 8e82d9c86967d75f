import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'

/** What Optax answers to ten steps of gradients. Every array is packed: all tensors in order, back to back. */
export interface Vector {
  /** `<file>/<label>`, e.g. `scale_by_adam/nesterov`. */
  readonly name: string
  /** The expression, as the service is given it. */
  readonly chain: string
  /** The version of Optax that answered. */
  readonly optax: string
  readonly tensors: readonly { readonly name: string; readonly shape: readonly number[] }[]
  /** The parameters before the first step; each step adds its updates to them. */
  readonly params: Float64Array
  readonly gradients: readonly Float64Array[]
  /** The loss that each step is told. */
  readonly losses: readonly number[]
  readonly updates: readonly Float64Array[]
  /** The parameters to evaluate with after the last step, where they are not those that the updates lead to. */
  readonly evaluation?: Float64Array
}

interface Inputs {
  readonly tensors: Vector['tensors']
  readonly params: string
  readonly gradients: readonly string[]
  readonly losses: readonly number[]
}

interface Answers {
  readonly optax: string
  readonly vectors: readonly {
    readonly name: string
    readonly chain: string
    readonly updates: readonly string[]
    readonly evaluation?: string
  }[]
}

/** All vectors, sorted by file. They share one set of inputs: copy an array before writing to it. */
export function loadVectors(): Vector[] {
  const folder = join(repositoryRoot(), 'test', 'vectors')
  const inputs: Inputs = JSON.parse(readFileSync(join(folder, 'inputs.json'), 'utf8'))
  const shared = {
    tensors: inputs.tensors,
    params: decodeFloat64(inputs.params),
    gradients: inputs.gradients.map(decodeFloat64),
    losses: inputs.losses,
  }
  const files = readdirSync(folder).filter((file) => file.endsWith('.json') && file !== 'inputs.json')
  return files.sort().flatMap((file) => {
    const { optax, vectors }: Answers = JSON.parse(readFileSync(join(folder, file), 'utf8'))
    return vectors.map(({ name, chain, updates, evaluation }) => ({
      name,
      chain,
      optax,
      ...shared,
      updates: updates.map(decodeFloat64),
      ...(evaluation === undefined ? {} : { evaluation: decodeFloat64(evaluation) }),
    }))
  })
}

/** Tests run from `dist/`, where the vectors are not: the root is the nearest folder above with a package.json. */
export function repositoryRoot(): string {
  let folder = dirname(fileURLToPath(import.meta.url))
  while (!existsSync(join(folder, 'package.json'))) {
    const parent = dirname(folder)
    if (parent === folder) throw new Error(`Cannot find package.json above ${import.meta.url}`)
    folder = parent
  }
  return folder
}

function decodeFloat64(base64: string): Float64Array {
  const bytes = Buffer.from(base64, 'base64')
  const values = new Float64Array(bytes.length / 8)
  for (let i = 0; i < values.length; i++) values[i] = bytes.readDoubleLE(8 * i)
  return values
}
