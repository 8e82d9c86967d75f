import type { Routine, Tensor } from '../../../expression/index.ts'
import type { Bench, RunRoutine } from './bench.ts'
import { newtonSchulz, newtonSchulzBytes } from './newton_schulz.ts'
import { normal } from './normal.ts'

const table: { readonly [N in Routine['name']]: RunRoutine<Extract<Routine, { name: N }>> } = {
  normal,
  newton_schulz: newtonSchulz,
}

export const runRoutine = <R extends Routine>(
  bench: Bench,
  routine: R,
  args: readonly number[],
  to: number,
  tensor: Tensor,
): Promise<void> => (table[routine.name] as unknown as RunRoutine<R>)(bench, routine, args, to, tensor)

/** Bytes that a routine takes for a tensor while it runs, beside arguments and result. */
export const scratchOf = (routine: Routine, tensor: Tensor): number =>
  routine.name === 'newton_schulz' ? newtonSchulzBytes(routine, tensor) : 0
