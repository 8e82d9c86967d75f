import { exchange } from '../../test/process.ts'
import { values } from '../bench/plans.ts'
import { bytesOf, floatsOf, type Options, type Peer } from './peer.ts'

/** So small a part of the norm may differ: float32 has 6e-8, and differences of parameters lose some of it. */
export const tolerance = 1e-5

/** What the same gradient is multiplied by, step after step. */
export const scales = [1, -0.5, 0.25, 2, 2]
export const agreed = 1024
/** A decay that is seen in the updates. */
const options: Options = { learning_rate: 1e-3, weight_decay: 1 }

export const gradient = (n: number): Float32Array<ArrayBuffer> => repeated(n, Math.sin)
/** Small, so that a difference of them is as good as an update. */
export const parameters = (n: number): Float32Array<ArrayBuffer> => repeated(n, (x) => Math.cos(x) / 32)

/** Numbers that begin anew after so many that it does not matter: more of them take seconds to be computed. */
function repeated(n: number, of: (x: number) => number): Float32Array<ArrayBuffer> {
  const block = values(Math.min(n, 2 ** 16), of)
  const all = new Float32Array(n)
  for (let at = 0; at < n; at += block.length) all.set(block.subarray(0, n - at), at)
  return all
}

/** The updates of some steps, one after the other; of a server that answers with parameters, what these changed by. */
export async function updatesOf(peer: Peer, id: string): Promise<Float32Array> {
  let before = parameters(agreed)
  const path = await peer.open(id, before, options)
  const all: Float32Array[] = []
  for (const scale of scales) {
    const grads = bytesOf(gradient(agreed).map((x) => x * scale))
    const { status, body } = await exchange(`http://127.0.0.1:${peer.port}${path}`, 'POST', { grads })
    if (status !== 200) throw new Error(`A step was answered with ${status}, expected 200`)
    const { updates, params } = body as { readonly updates?: Uint8Array; readonly params?: Uint8Array }
    const after = floatsOf(params ?? updates ?? new Uint8Array(0))
    all.push(params === undefined ? after : after.map((x, i) => x - (before[i] ?? 0)))
    before = after
  }
  return joined(all)
}

export function joined(parts: readonly Float32Array[]): Float32Array {
  return Float32Array.from(parts.flatMap((part) => [...part]))
}

/** How far `found` is from `wanted`, as a part of the norm of `wanted`. */
export function distance(found: Float32Array, wanted: Float32Array): number {
  if (found.length !== wanted.length) return Number.POSITIVE_INFINITY
  const norm = (of: (i: number) => number) => Math.sqrt(wanted.reduce((sum, _, i) => sum + of(i) ** 2, 0))
  return norm((i) => (found[i] ?? 0) - (wanted[i] ?? 0)) / norm((i) => wanted[i] ?? 0)
}

/** @throws Error where they are not the same: who computes something else is not compared. */
export function mustAgree(name: string, found: Float32Array, wanted: Float32Array): number {
  const off = distance(found, wanted)
  if (off <= tolerance) return off
  throw new Error(
    `${name} computes something else: its updates are off by ${off.toExponential(1)} of their norm`,
  )
}
