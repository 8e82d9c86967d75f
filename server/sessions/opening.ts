import { type OpenRequest, Problem } from '../../schemas/index.ts'
import { printChain, readChain } from '../chains/index.ts'
import { differences, type Spec } from './spec.ts'

/**
 * The specification that an open wants; none when it only attaches.
 *
 * @throws Problem `invalid_request`, and what is wrong with the chain
 */
export function specOf({ chain, tensors, params, seed = 0 }: OpenRequest): Spec | undefined {
  if (chain === undefined && tensors === undefined) return undefined
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
  }
  return { chain: printChain(readChain(chain)), tensors, keeps: params !== undefined, seed }
}

/** @throws Problem `spec_conflict` where the session that is there was opened otherwise */
export function checkAttach(is: Spec, wanted: Spec): void {
  const found = differences(is, wanted)
  if (found.length === 0) return
  const detail = `The session exists, and ${found.join('; ')}. To attach to it send {}, else open another id`
  throw new Problem('spec_conflict', detail)
}
