/** Take from vector k what lies along those before it. Twice, for the first time leaves what rounding makes of it. */
export function orthogonalize(vectors: Float64Array, k: number, size: number): void {
  const x = vectors.subarray(k * size, (k + 1) * size)
  for (let turn = 0; turn < 2; turn++)
    for (let at = 0; at < k * size; at += size) {
      let sum = 0
      for (let i = 0; i < size; i++) sum += (vectors[at + i] ?? 0) * (x[i] ?? 0)
      for (let i = 0; i < size; i++) x[i] = (x[i] ?? 0) - sum * (vectors[at + i] ?? 0)
    }
}

/** Scale a vector to length 1, where it has one. Gives the length that it had. */
export function normalize(x: Float64Array): number {
  let largest = 0
  for (const value of x) largest = Math.max(largest, Math.abs(value))
  if (largest === 0) return 0
  let sum = 0
  for (const value of x) sum += (value / largest) ** 2
  const length = largest * Math.sqrt(sum)
  for (let i = 0; i < x.length; i++) x[i] = (x[i] ?? 0) / length
  return length
}
