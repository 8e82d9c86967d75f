import { type OpenRequest, Problem } from '../../schemas/index.ts'
import { printChain, readChain } from '../chains/index.ts'
import type { Program } from './program.ts'
import { alone, differences, roundBytes, type Spec } from './spec.ts'

/**
 * The specification that an open wants; none when it only attaches.
 *
 * @throws Problem `invalid_request`, and what is wrong with the chain
 */
export function specOf({ chain, tensors, params, ...rest }: OpenRequest): Spec | undefined {
  if (chain === undefined && tensors === undefined) {
    const extra = Object.keys(rest).at(0) ?? (params === undefined ? undefined : 'params')
    if (extra === undefined) return undefined
    const detail = `${extra} is only taken with chain and tensors: to attach send {}`
    throw new Problem('invalid_request', detail, { path: `/${extra}` })
  }
  if (chain === undefined || tensors === undefined) {
    const field = chain === undefined ? 'chain' : 'tensors'
    const detail = `An open has both chain and tensors, or neither to attach; ${field} is missing`
    throw new Problem('invalid_request', detail, { path: `/${field}` })
  }
  const names = new Set<string>()
  for (const [i, { name }] of tensors.entries()) {
    const path = `/tensors/${i}/name`
    if (names.has(name))
      throw new Problem('invalid_request', `Two tensors are called ${name}: names are unique`, { path })
    names.add(name)
    const reason = badName(name)
    if (reason !== undefined)
      throw new Problem('invalid_request', `A tensor cannot be called ${JSON.stringify(name)}: ${reason}`, {
        path,
      })
  }
  const { seed = 0, workers, aggregate, quorum, deadline_ms, staleness } = rest
  const spec = {
    chain: printChain(readChain(chain)),
    tensors,
    keeps: params !== undefined,
    seed,
    workers: workers ?? alone.workers,
    aggregate: aggregate ?? alone.aggregate,
    ...(quorum === undefined ? {} : { quorum }),
    ...(deadline_ms === undefined ? {} : { deadline_ms }),
    staleness: staleness ?? alone.staleness,
  }
  checkSharing(spec)
  return spec
}

function checkSharing({ workers, quorum, deadline_ms, staleness }: Spec): void {
  const refuse = (field: string, detail: string) =>
    new Problem('invalid_request', detail, { path: `/${field}` })
  if ((quorum === undefined) !== (deadline_ms === undefined)) {
    const [is, missing] = quorum === undefined ? ['deadline_ms', 'quorum'] : ['quorum', 'deadline_ms']
    const detail = `${is} has no effect without ${missing}: a step closes with quorum contributions once deadline_ms have passed`
    throw refuse(missing, detail)
  }
  if (quorum !== undefined && (workers < 2 || quorum > workers))
    throw refuse(
      'quorum',
      `quorum is ${quorum}, and workers ${workers}: expected 1 to workers, of 2 at least`,
    )
  if (staleness !== 'none' && workers !== 0)
    throw refuse(
      'staleness',
      `staleness is ${staleness}, and workers ${workers}: it is for workers: 0, where steps do not wait`,
    )
}

/** @throws Problem `missing_params` where several workers would need parameters that only one of them sends */
export function checkKeeps({ workers, quorum, keeps }: Spec, { needs }: Program): void {
  if (keeps || workers === 1) return
  const reason =
    workers === 0
      ? 'workers is 0'
      : quorum !== undefined
        ? 'a step may close without one of the workers (quorum)'
        : needs.parameters
          ? 'the chain needs parameters, and there are several workers'
          : undefined
  if (reason === undefined) return
  throw new Problem('missing_params', `The server must keep the parameters, because ${reason}: send params`)
}

/** Why a name cannot be a tensor's. */
function badName(name: string): string | undefined {
  if (/\p{Surrogate}/u.test(name)) return 'half of a surrogate pair is no character'
  return name === '__proto__' || name === '__metadata__'
    ? 'msgpack decoders and safetensors files take it for their own'
    : undefined
}

/** @throws Problem `invalid_request` where the contributions to one step do not fit in this server's memory */
export function checkRoom({ workers }: Spec, { sizes }: Program, memoryLimit: number): void {
  const bytes = roundBytes(workers, sizes)
  if (bytes <= memoryLimit) return
  const detail = `${workers} contributions take ${bytes} bytes together, and the server has ${memoryLimit} for sessions: open it for fewer workers`
  throw new Problem('invalid_request', detail, { path: '/workers' })
}

/** @throws Problem `spec_conflict` where the session that is there was opened otherwise */
export function checkAttach(is: Spec, wanted: Spec): void {
  const found = differences(is, wanted)
  if (found.length === 0) return
  const detail = `The session exists, and ${found.join('; ')}. To attach to it send {}, else open another id`
  throw new Problem('spec_conflict', detail)
}
