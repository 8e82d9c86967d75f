import type { Routine, Tensor } from '../../../expression/index.ts'
import type { RunRoutine } from './bench.ts'
import { newtonSchulz, newtonSchulzBytes } from './newton_schulz.ts'
import { normal } from './normal.ts'
import { product, productBytes } from './product.ts'
import { singularVectors, singularVectorsBytes } from './singular_vectors.ts'

const table: { readonly [N in Routine['name']]: RunRoutine<Extract<Routine, { name: N }>> } = {
  normal,
  newton_schulz: newtonSchulz,
  singular_vectors: singularVectors,
  product,
}

export const runRoutine = <R extends Routine>(
  ...[bench, routine, args, to, tensor, of]: Parameters<RunRoutine<R>>
): Promise<void> => (table[routine.name] as unknown as RunRoutine<R>)(bench, routine, args, to, tensor, of)

type Scratch<R> = (routine: R, tensor: Tensor, of: (arg: number) => Tensor) => number

const scratch: { readonly [N in Routine['name']]: Scratch<Extract<Routine, { name: N }>> } = {
  normal: () => 0,
  newton_schulz: newtonSchulzBytes,
  singular_vectors: singularVectorsBytes,
  product: productBytes,
}

/** Bytes that a routine takes for a tensor while it runs, beside arguments and result. */
export const scratchOf = <R extends Routine>(...[routine, tensor, of]: Parameters<Scratch<R>>): number =>
  (scratch[routine.name] as unknown as Scratch<R>)(routine, tensor, of)
