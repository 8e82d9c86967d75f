import { sizeOf } from '../../../compiler/plan.ts'
import type { SingularVectors, Tensor } from '../../../expression/index.ts'
import { matricesIn } from '../../matrices.ts'
import { roomOf } from '../../singular.ts'
import { Code, encodeModule } from '../encoder.ts'
import { noted, type RunRoutine } from './bench.ts'

/** A call of the host, which computes in float64: on a worker thread where it takes its time. */
function writeCall(): Uint8Array<ArrayBuffer> {
  const code = new Code(4)
  code.get(0).call(0).set(code.local('i32'))
  return encodeModule(code, 4, [{ name: 'singular_vectors', parameters: ['i32'], result: 'i32' }])
}

const bytes = writeCall()
/** How many elements a pass treats in the time of one product of all those of rows by columns by columns. */
const cost = 8

/** How many rows and columns the matrix has, and how many vectors are wanted. */
function sizesOf(routine: SingularVectors, tensor: Tensor, of: (arg: number) => Tensor) {
  const { shape } = of(0)
  const count = (axes: readonly number[]) => axes.reduce((n, axis) => n * (shape[axis] ?? 1), 1)
  const [rows, columns] = [count(routine.rows), count(routine.columns)]
  return { rows, columns, vectors: sizeOf(tensor) / rows }
}

/** Room to compute in, and tables of where rows and columns are. */
export function singularVectorsBytes(...given: Parameters<typeof sizesOf>): number {
  const { rows, columns, vectors } = sizesOf(...given)
  return 8 * roomOf(columns, rows, vectors) + 4 * (rows + columns)
}

export const singularVectors: RunRoutine<SingularVectors> = async (
  bench,
  routine,
  [from = 0, due = 0],
  to,
  tensor,
  of,
) => {
  if (due === 0) {
    new Float32Array(bench.memory.buffer, to, sizeOf(tensor)).fill(0)
    return
  }
  const { rows, columns } = matricesIn(of(0), routine.rows, routine.columns)
  const { vectors } = sizesOf(routine, tensor, of)
  const room = bench.take(8 * roomOf(columns.length, rows.length, vectors))
  const tables = [noted(bench, [...rows]), noted(bench, [...columns])]
  const block = noted(bench, [from, rows.length, columns.length, ...tables, to, vectors, room])
  const work = cost * columns.length ** 2 * rows.length
  await bench.run(bench.compile(bytes), [{ block, begin: 0, end: 1, partials: 0 }], work, true)
}
