import { roomOf, singularVectors } from '../singular.ts'

/**
 * Singular vectors of a matrix in memory, on whatever thread. The block holds its address, how many rows and columns it
 * has, the addresses of tables of how far from there these are; where the vectors go, as columns, how many are wanted;
 * and the address of room to compute in.
 */
export function singularVectorsIn({ buffer }: WebAssembly.Memory, block: number): number {
  const [from = 0, long = 0, short = 0, rowsAt = 0, columnsAt = 0, to = 0, count = 0, at = 0] =
    new Uint32Array(buffer, block, 8)
  const rows = new Uint32Array(buffer, rowsAt, long)
  const columns = new Uint32Array(buffer, columnsAt, short)
  const matrix = new Float32Array(buffer, from)
  const room = new Float64Array(buffer, at, roomOf(short, long, count))
  for (let j = 0; j < short; j++)
    for (let i = 0; i < long; i++) room[j * long + i] = matrix[(rows[i] ?? 0) + (columns[j] ?? 0)] ?? 0
  const found = singularVectors(room, short, long, count)
  const vectors = new Float32Array(buffer, to, long * count)
  for (let k = 0; k < count; k++)
    for (let i = 0; i < long; i++) vectors[i * count + k] = found[k * long + i] ?? 0
  return count
}
