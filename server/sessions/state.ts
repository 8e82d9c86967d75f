import Value from 'typebox/value'
import xxhash from 'xxhash-wasm'
import { OpenRequest, Problem } from '../../schemas/index.ts'
import { locateHyperparams } from '../chains/index.ts'
import { type Plan, pieceName, type StatePiece } from '../compiler/plan.ts'
import { bytesOf } from '../engines/dtypes.ts'
import type { SavedPiece } from '../engines/engine.ts'
import { Turns } from '../turns.ts'
import { specOf } from './opening.ts'
import { type NamedTensor, readSafetensors, writeSafetensors } from './safetensors.ts'
import { type Spec, schemaHash, stateMark } from './spec.ts'

/** Of the files that hold a session's state: metadata `stepd`. */
const version = '1'

/** A session's state at a step, and what it was opened as. */
export interface State {
  readonly spec: Spec
  readonly step: number
  /** Options in the plan's order, and pieces in the order of `plan.state`. */
  readonly options: readonly number[]
  readonly saved: readonly SavedPiece[]
}

/** What a file says, not yet compared with a plan. */
export interface StateFile extends Pick<State, 'spec' | 'step'> {
  readonly hyperparams: Readonly<Record<string, number>>
  readonly tensors: ReadonlyMap<string, NamedTensor>
}

/** State as a safetensors file in pieces: one tensor a piece of state, by its name; all the rest is metadata. */
export function writeState(
  plan: Plan,
  { spec, step, options, saved }: State,
  numerics: string,
): readonly Uint8Array[] {
  const { chain, tensors, keeps: _, seed, made: __, ...sharing } = spec
  const paths = [...plan.options.keys()]
  const named = saved.flatMap(({ dtype, bytes }, i) => {
    const piece = plan.state[i]
    if (piece === undefined) return []
    return [{ name: pieceName(plan, piece), dtype, shape: shapeOf(plan, piece), bytes }]
  })
  return writeSafetensors(
    // Wide numbers first: so all are aligned.
    named.toSorted((a, b) => bytesOf[b.dtype] - bytesOf[a.dtype]),
    {
      stepd: version,
      step: String(step),
      chain,
      schema_hash: schemaHash(tensors),
      tensors: JSON.stringify(tensors),
      hyperparams: JSON.stringify(Object.fromEntries(paths.map((path, i) => [path, options[i]]))),
      seed: String(seed),
      sharing: JSON.stringify(sharing),
      numerics,
    },
  )
}

function shapeOf({ tensors }: Plan, { definition, tensor }: StatePiece): readonly number[] {
  const { extent, kept = [] } = definition
  const { shape = [] } = tensors[tensor ?? -1] ?? {}
  if (extent === 'element') return shape
  return extent === 'axes' ? kept.map((axis) => shape[axis] ?? 1) : []
}

/** @throws Problem `malformed_body`, `invalid_request`, and what is wrong with the chain */
export function readState(file: Uint8Array): StateFile {
  const { metadata, tensors } = readSafetensors(file)
  const found = metadata.get('stepd')
  if (found !== version)
    throw refuse('stepd', `is ${found ?? 'not there'}, expected ${version}: a file that GET …/state gave`)
  const step = Number(textOf(metadata, 'step'))
  if (!Number.isSafeInteger(step) || step < 0 || step >= 2 ** 52)
    throw refuse('step', `is ${metadata.get('step')}, expected the number of a step`)
  const request = {
    ...(jsonOf(metadata, 'sharing') as object),
    chain: textOf(metadata, 'chain'),
    tensors: jsonOf(metadata, 'tensors'),
    seed: Number(textOf(metadata, 'seed')),
  }
  const [wrong] = Value.Errors(OpenRequest, request)
  if (wrong !== undefined) {
    const what = wrong.keyword === 'boolean' ? 'is nothing that an open takes' : wrong.message
    throw refuse(wrong.instancePath.slice(1) || 'sharing', what)
  }
  const keeps = [...tensors.keys()].some((name) => name.startsWith('params/'))
  const open = { ...(request as OpenRequest), ...(keeps ? { params: new Uint8Array() } : {}) }
  const spec = specOf(open)
  if (spec === undefined) throw refuse('chain', 'is missing')
  const hash = metadata.get('schema_hash')
  if (hash !== schemaHash(spec.tensors))
    throw refuse('schema_hash', `is ${hash}, the tensors have ${schemaHash(spec.tensors)}`)
  return { spec, step, hyperparams: numbersOf(jsonOf(metadata, 'hyperparams')), tensors }
}

/**
 * The file's state as the plan has it.
 *
 * @throws Problem `schema_mismatch`, `bad_option`
 */
export function fitState(plan: Plan, file: StateFile): State {
  const options = [...plan.options.values()]
  for (const [index, value] of locateHyperparams(plan.options, file.hyperparams)) options[index] = value
  const names = new Set<string>()
  const saved = plan.state.map((piece) => {
    const name = pieceName(plan, piece)
    names.add(name)
    return fitPiece(name, shapeOf(plan, piece), file.tensors.get(name))
  })
  const extra = [...file.tensors.keys()].find((name) => !names.has(name))
  if (extra === undefined) return { spec: file.spec, step: file.step, options, saved }
  const detail = `The file has a tensor ${extra}, which is no state of this chain`
  throw new Problem('schema_mismatch', detail, { tensor: extra })
}

function fitPiece(name: string, shape: readonly number[], tensor: NamedTensor | undefined): SavedPiece {
  const mismatch = (detail: string) => new Problem('schema_mismatch', detail, { tensor: name })
  if (tensor === undefined) throw mismatch(`The file has no tensor ${name}: it holds all state of the chain`)
  if (tensor.shape.length !== shape.length || tensor.shape.some((extent, i) => extent !== shape[i]))
    throw mismatch(`${name} is [${tensor.shape}] in the file, expected [${shape}]`)
  return { dtype: tensor.dtype, bytes: tensor.bytes }
}

const { create64 } = await xxhash()

/** By which a file is known that is put once more. */
export async function digestOf(file: Uint8Array): Promise<string> {
  const hash = create64()
  await new Turns().through([file], (slice) => hash.update(slice))
  return stateMark + hash.digest().toString(16)
}

const refuse = (field: string, what: string) =>
  new Problem('invalid_request', `__metadata__.${field} of the file ${what}`, {
    path: `/__metadata__/${field}`,
  })

function textOf(metadata: ReadonlyMap<string, string>, field: string): string {
  const text = metadata.get(field)
  if (text === undefined || text === '') throw refuse(field, 'is missing')
  return text
}

function jsonOf(metadata: ReadonlyMap<string, string>, field: string): unknown {
  try {
    return JSON.parse(textOf(metadata, field))
  } catch (error) {
    if (error instanceof Problem) throw error
    throw refuse(field, 'is no JSON')
  }
}

function numbersOf(map: unknown): Readonly<Record<string, number>> {
  const wrong = Object.entries(Object(map)).find(([, value]) => typeof value !== 'number')
  if (typeof map !== 'object' || map === null || wrong !== undefined)
    throw refuse('hyperparams', `is a map of numbers; ${wrong?.[0] ?? 'it'} is not`)
  return map as Readonly<Record<string, number>>
}
