import type { Plan } from '../../compiler/plan.ts'
import { type Rows, rowsOf } from '../../compiler/rows.ts'
import { bytesOf } from '../dtypes.ts'
import { type Arena, OutOfArena } from './arena.ts'
import { Code, encodeModule } from './encoder.ts'
import type { Modules } from './modules.ts'
import { split } from './routines/bench.ts'
import { typeOf } from './state.ts'
import type { Task, Threads } from './threads.ts'

/** Bytes that a task copies. */
const taskBytes = 2 ** 18

/** What it takes to find a row in memory, in elements that a pass goes through in that time. */
const perRow = 64

/**
 * Element state of the rows that a step is about, apart from the other rows: brought together before it, and back to its
 * place after. To be ended.
 */
export class RowState {
  /** By place in `plan.state`; of pieces that are treated as a whole, where they are. */
  readonly addresses: readonly number[]
  readonly #arena: Arena
  readonly #taken: number[] = []
  readonly #tasks: readonly Task[]
  readonly #work: number

  constructor(plan: Plan, arena: Arena, addresses: readonly number[], rows: readonly Rows[]) {
    this.#arena = arena
    const noted = rows.map((own) => (own === undefined ? 0 : this.#note(own)))
    const tasks: Task[] = []
    let work = 0
    this.addresses = plan.state.map((piece, i) => {
      const [own, home] = [rowsOf(piece, rows), addresses[i] ?? 0]
      if (own === undefined || piece.definition.extent !== 'element') return home
      const { tensor = -1 } = piece
      const size = (piece.size / (plan.tensors[tensor]?.shape[0] ?? 1)) * bytesOf[typeOf(piece)]
      const at = this.#take(own.length * size)
      const block = this.#note(Uint32Array.of(home, at, size, noted[tensor] ?? 0))
      tasks.push(...split(block, own.length, Math.max(1, Math.floor(taskBytes / size))))
      work += own.length * (perRow + size / 4)
      return at
    })
    this.#tasks = tasks
    this.#work = work
  }

  async gather(modules: Modules, threads: Threads): Promise<void> {
    await threads.run(this.#arena, modules.compile(gathering), this.#tasks, this.#work)
  }

  async scatter(modules: Modules, threads: Threads): Promise<void> {
    await threads.run(this.#arena, modules.compile(scattering), this.#tasks, this.#work)
  }

  end(): void {
    for (const at of this.#taken.splice(0)) this.#arena.give(at)
  }

  #take(bytes: number): number {
    const at = this.#arena.take(bytes)
    if (at === undefined) {
      this.end()
      throw new OutOfArena(bytes)
    }
    this.#taken.push(at)
    return at
  }

  #note(words: Int32Array | Uint32Array): number {
    const at = this.#take(words.byteLength)
    new Int32Array(this.#arena.memory.buffer, at, words.length).set(words)
    return at
  }
}

/**
 * Copies rows from `begin` to `end` of those that are listed. The block holds where all rows are, where these are to be
 * together, the bytes of a row, and where the list is.
 */
function writeCopy(toAndFrom: (home: () => void, together: () => void) => void): Uint8Array<ArrayBuffer> {
  const [block, begin, end] = [0, 1, 2]
  const code = new Code(4)
  const row = code.local('i32')
  const word = (k: number) => code.get(block).memory('i32_load', 4 * k)
  const place = (base: number, index: () => void) => {
    word(base)
    index()
    word(2).op('i32_mul', 'i32_add')
  }
  const home = () => place(0, () => word(3).get(row).i32(2).op('i32_shl', 'i32_add').memory('i32_load'))
  const together = () => place(1, () => code.get(row))
  code.get(begin).set(row)
  code.while(
    () => code.get(row, end).op('i32_lt_u'),
    () => {
      toAndFrom(home, together)
      word(2).copy()
      code.get(row).i32(1).op('i32_add').set(row)
    },
  )
  return encodeModule(code, 4, [])
}

const gathering = writeCopy((home, together) => {
  together()
  home()
})
const scattering = writeCopy((home, together) => {
  home()
  together()
})
