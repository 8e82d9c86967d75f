import { Code, encodeModule } from '../encoder.ts'

const [block, begin, end, partials] = [0, 1, 2, 3] as const

/**
 * Copy a matrix from rows begin to end, times a scale, from any arrangement to any other: the offset of an element is
 * that of its row plus that of its column, out of tables. The block holds the number of columns; addresses of source,
 * its rows, its columns, target, its rows, its columns; the scale. The sum of squares of what was read goes to
 * `partials`.
 */
export function writeCopy(): Uint8Array<ArrayBuffer> {
  const code = new Code(4)
  const local = () => code.local('i32')
  const [row, column, columns] = [local(), local(), local()]
  const [source, sourceRows, sourceColumns] = [local(), local(), local()]
  const [target, targetRows, targetColumns, from, to] = [local(), local(), local(), local(), local()]
  const [x, scale, sum] = [code.local('v128'), code.local('v128'), code.local('v128')]
  const words = [columns, source, sourceRows, sourceColumns, target, targetRows, targetColumns]
  for (const [k, word] of words.entries())
    code
      .get(block)
      .memory('i32_load', 4 * k)
      .set(word)
  code
    .get(block)
    .memory('v128_load32_splat', 4 * words.length)
    .set(scale)
  code.double(0).set(sum)
  /** The address of table[index] elements behind a base. */
  const at = (base: number, table: number, index: number) => {
    code.get(base, table, index).i32(2).op('i32_shl', 'i32_add').memory('i32_load')
    return code.i32(2).op('i32_shl', 'i32_add')
  }
  code.get(begin).set(row)
  code.while(
    () => code.get(row, end).op('i32_lt_u'),
    () => {
      at(source, sourceRows, row).set(from)
      at(target, targetRows, row).set(to)
      code.i32(0).set(column)
      code.while(
        () => code.get(column, columns).op('i32_lt_u'),
        () => {
          at(from, sourceColumns, column).memory('v128_load32_splat').set(x)
          at(to, targetColumns, column).get(x, scale).op('f32x4_mul').memory('v128_store32_lane', 0, 0)
          code.get(x).op('f64x2_promote_low_f32x4').set(x)
          code.get(sum, x, x).op('f64x2_mul', 'f64x2_add').set(sum)
          code.get(column).i32(1).op('i32_add').set(column)
        },
      )
      code.get(row).i32(1).op('i32_add').set(row)
    },
  )
  code.get(partials, sum).lane('f64x2_extract', 0).memory('f64_store')
  return encodeModule(code, 4, [])
}

/** Rows and columns that are multiplied at a time, and by which sizes of matrices are to be divisible. */
export const tile = { rows: 4, columns: 8 } as const

/**
 * C = alpha · A · B + beta · D for rows begin to end. A, C and D are row-major; B lies in panels of eight columns, each
 * row by row. The block holds the rows of B; its columns; addresses of A, B, C, D; alpha; beta. Sizes are multiples of
 * eight.
 */
export function writeMultiply(): Uint8Array<ArrayBuffer> {
  const code = new Code(4)
  const local = () => code.local('i32')
  const vector = () => code.local('v128')
  const [inner, columns, a, b, c, d] = [local(), local(), local(), local(), local(), local()]
  const [row, column, left, panel, at] = [local(), local(), local(), local(), local()]
  const lines = Array.from({ length: tile.rows }, local)
  const sums = lines.map(() => [vector(), vector()] as const)
  const [alpha, beta, x, low, high] = [vector(), vector(), vector(), vector(), vector()]
  for (const [k, word] of [inner, columns, a, b, c, d].entries())
    code
      .get(block)
      .memory('i32_load', 4 * k)
      .set(word)
  code.get(block).memory('v128_load32_splat', 24).set(alpha)
  code.get(block).memory('v128_load32_splat', 28).set(beta)

  const unrolled = 4
  const turn = () => {
    for (let k = 0; k < unrolled; k++) {
      code
        .get(panel)
        .memory('v128_load', 32 * k)
        .set(low)
      code
        .get(panel)
        .memory('v128_load', 32 * k + 16)
        .set(high)
      for (const [i, [first, second]] of sums.entries()) {
        code
          .get(lines[i] ?? 0)
          .memory('v128_load32_splat', 4 * k)
          .set(x)
        code.get(first, x, low).op('f32x4_mul', 'f32x4_add').set(first)
        code.get(second, x, high).op('f32x4_mul', 'f32x4_add').set(second)
      }
    }
    for (const line of lines)
      code
        .get(line)
        .i32(4 * unrolled)
        .op('i32_add')
        .set(line)
    code
      .get(panel)
      .i32(32 * unrolled)
      .op('i32_add')
      .set(panel)
    code.get(left).i32(unrolled).op('i32_sub').set(left)
  }
  const writeTile = () => {
    code.get(row, columns).op('i32_mul').get(column).op('i32_add').i32(2).op('i32_shl').set(at)
    for (const pair of sums) {
      for (const [half, sum] of pair.entries()) {
        code.get(c, at).op('i32_add').get(sum, alpha).op('f32x4_mul')
        code
          .get(d, at)
          .op('i32_add')
          .memory('v128_load', 16 * half)
          .get(beta)
          .op('f32x4_mul', 'f32x4_add')
        code.memory('v128_store', 16 * half)
      }
      code.get(at, columns).i32(2).op('i32_shl', 'i32_add').set(at)
    }
  }
  const each = (index: number, step: number, below: () => void, body: () => void) =>
    code.while(below as () => Code, () => {
      body()
      code.get(index).i32(step).op('i32_add').set(index)
    })
  code.i32(0).set(column)
  each(
    column,
    tile.columns,
    () => code.get(column, columns).op('i32_lt_u'),
    () => {
      code.get(begin).set(row)
      each(
        row,
        tile.rows,
        () => code.get(row, end).op('i32_lt_u'),
        () => {
          code.get(b, column, inner).op('i32_mul').i32(2).op('i32_shl', 'i32_add').set(panel)
          for (const [i, line] of lines.entries()) {
            code.get(row).i32(i).op('i32_add').get(inner).op('i32_mul').i32(2).op('i32_shl').get(a)
            code.op('i32_add').set(line)
          }
          for (const sum of sums.flat()) code.float(0).set(sum)
          code.get(inner).set(left)
          code.while(() => code.get(left), turn)
          writeTile()
        },
      )
    },
  )
  return encodeModule(code, 4, [])
}
