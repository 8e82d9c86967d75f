import { availableParallelism } from 'node:os'
import { callsOn, declaredIn, type Plan, sizeOf } from '../../compiler/plan.ts'
import { compact, type Rows, rowsOf } from '../../compiler/rows.ts'
import { bytesOf } from '../dtypes.ts'
import type { Engine } from '../engine.ts'
import { Arena } from './arena.ts'
import type { Kept } from './kept.ts'
import { Modules } from './modules.ts'
import { WasmPrograms } from './program.ts'
import { WasmReplica } from './replica.ts'
import { scratchOf } from './routines/index.ts'
import { typeOf } from './state.ts'
import { Threads } from './threads.ts'

/** A memory of 32-bit addresses, less a little for what a step notes down. */
const limit = 2 ** 32 - 2 ** 26
/** State that sessions may have in an arena that they share: the rest is for the buffers of their steps. */
const shared = 2 ** 30

/** What routines read and make, of all tensors, and what the largest call takes while it runs. */
function ofRoutines(plan: Plan): number {
  const { groups, stages, temporaries, tensors } = plan
  const of = (index: number) => tensors[index] ?? none
  const inGroup = (group: number) => (groups[group]?.tensors ?? []).map(of)
  const kept = temporaries.map(
    (slots, group) => 4 * slots.length * inGroup(group).reduce((sum, tensor) => sum + sizeOf(tensor), 0),
  )
  const calls = stages.flatMap(({ routines }) =>
    routines.flatMap((call) =>
      callsOn(plan, call).map(({ index, args }) =>
        scratchOf(call.routine, of(index), (k) => of(args[k]?.index ?? index)),
      ),
    ),
  )
  return kept.reduce((a, b) => a + b, 0) + calls.reduce((a, b) => Math.max(a, b), 0)
}

const none = { name: '', shape: [0], rank: 1 }

/** Plans as fused SIMD passes over memory, in WebAssembly: no native install, at memory speed. */
export function wasmEngine({
  threads: count = availableParallelism(),
}: {
  readonly threads?: number
} = {}): Engine {
  const programs = new WasmPrograms(new Modules())
  const threads = new Threads(count)
  const common = new Set<Arena>()
  const arenas = new Set<Arena>()
  const kept = new Set<Kept>()
  const stateBytes: Engine['stateBytes'] = (plan) =>
    plan.state.reduce((sum, piece) => sum + piece.size * bytesOf[typeOf(piece)], 0)
  /** A gradient, parameters and a reply; and what routines need. */
  const ofStep = (plan: Plan) =>
    declaredIn(plan).reduce((sum, tensor) => sum + 12 * sizeOf(tensor), 0) + ofRoutines(plan)
  const inAll = (plan: Plan) => stateBytes(plan) + ofStep(plan)
  /** The same of a step about certain rows, whose state is there twice; and the reply before it, if it needs more. */
  const ofRows = (plan: Plan, rows: readonly Rows[]) => {
    const few = compact(plan, rows)
    const state = few.state.filter((piece) => rowsOf(piece, rows) !== undefined)
    const bytes = stateBytes({ ...few, state }) + ofStep(few)
    return bytes > ofStep(plan) ? bytes + ofStep(plan) : ofStep(plan)
  }
  const arenaFor = (plan: Plan): Arena => {
    if (inAll(plan) > shared / 4) return new Arena()
    const found = [...common].find((arena) => arena.taken < shared) ?? new Arena()
    common.add(found)
    return found
  }
  return {
    name: 'wasm',
    numerics: `wasm-2-v8.${process.versions.v8.split('.').slice(0, 2).join('.')}`,
    dtypes: ['F32', 'BF16', 'F16'],
    stateBytes,
    refuse(plan, rows) {
      const bytes = stateBytes(plan) + (rows === undefined ? ofStep(plan) : ofRows(plan, rows))
      return bytes > limit
        ? `it needs ${bytes} bytes with the buffers of a step, and the engine wasm has at most ${limit}`
        : undefined
    },
    async open(plan, start) {
      const arena = arenaFor(plan)
      arenas.add(arena)
      const room = common.has(arena) ? 2 * shared : ofStep(plan)
      const replica = new WasmReplica(plan, arena, room, programs, threads, kept, () => {
        if (arena.taken > 0) return
        arenas.delete(arena)
        common.delete(arena)
        threads.forget(arena)
      })
      try {
        await replica.begin(start)
      } catch (error) {
        replica.close()
        throw error
      }
      return replica
    },
    memoryBytes: () => [...arenas].reduce((sum, { length }) => sum + length, 0),
    close: () => threads.close(),
  }
}
