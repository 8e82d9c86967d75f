import { availableParallelism } from 'node:os'
import { sizeOf } from '../../compiler/plan.ts'
import { bytesOf } from '../dtypes.ts'
import type { Engine } from '../engine.ts'
import { Arena } from './arena.ts'
import { Modules } from './modules.ts'
import { WasmPrograms } from './program.ts'
import { typeOf, WasmReplica } from './replica.ts'
import { Threads } from './threads.ts'

/** Bytes of sessions above which they do not share an arena. */
const shared = 2 ** 28

/** Plans as fused SIMD passes over memory, in WebAssembly: no native install, at memory speed. */
export function wasmEngine({
  threads: count = availableParallelism(),
}: {
  readonly threads?: number
} = {}): Engine {
  const programs = new WasmPrograms(new Modules())
  const threads = new Threads(count)
  let common: Arena | undefined
  const stateBytes: Engine['stateBytes'] = (plan) =>
    plan.state.reduce((sum, piece) => sum + piece.size * bytesOf[typeOf(piece)], 0)
  return {
    name: 'wasm',
    numerics: `wasm-1-v8.${process.versions.v8.split('.').slice(0, 2).join('.')}`,
    dtypes: ['F32', 'BF16', 'F16'],
    stateBytes,
    async open(plan, start) {
      const elements = plan.tensors.reduce((sum, tensor) => sum + sizeOf(tensor), 0)
      const needed = stateBytes(plan) + 12 * elements
      const limit = 2 ** 32 - 2 ** 24
      if (needed > limit)
        throw new Error(
          `The session needs ${needed} bytes with its buffers; the engine wasm has at most ${limit}`,
        )
      if (needed > shared) return new WasmReplica(plan, start, new Arena(), programs, threads)
      common ??= new Arena()
      return new WasmReplica(plan, start, common, programs, threads)
    },
    close: () => threads.close(),
  }
}
