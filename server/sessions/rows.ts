import { type Dtype, Problem, type RowsBin, type TensorSpec } from '../../schemas/index.ts'
import type { Plan } from '../compiler/plan.ts'
import type { Rows } from '../compiler/rows.ts'
import { bytesOf } from '../engines/dtypes.ts'
import type { Engine, Tensors } from '../engines/engine.ts'
import { Turns } from '../turns.ts'
import type { StepEvent } from './journal.ts'

/**
 * Certain rows of a tensor as the wire has them; the data is not copied.
 *
 * @param what they are called in the request
 * @throws Problem `schema_mismatch`
 */
export function readRows(
  { rows, data }: RowsBin,
  dtype: Dtype,
  { name, shape }: TensorSpec,
  what: string,
): { readonly rows: Int32Array; readonly data: Uint8Array } {
  const refuse = (detail: string) => new Problem('schema_mismatch', detail, { tensor: name })
  const [count, ...rest] = shape
  if (count === undefined) throw refuse(`${what} is a scalar and has no rows: send its bytes alone`)
  if (rows.length % 4 !== 0)
    throw refuse(`Cannot read ${what}.rows as I32: ${rows.length} bytes, expected a multiple of 4`)
  const numbers = new Int32Array(new Uint8Array(rows).buffer)
  const wrong = firstWrong(numbers, count)
  if (wrong !== undefined) {
    const row = numbers[wrong] ?? Number.NaN
    const outside = `${what}.rows[${wrong}] is ${row}, expected a row of [${shape}], 0 to ${count - 1}`
    const twice = `${what} has the row ${row} twice, at the latest as rows[${wrong}]: add up what belongs to one row before sending`
    throw refuse(row < 0 || row >= count ? outside : twice)
  }
  const expected = numbers.length * rest.reduce((n, d) => n * d, 1) * bytesOf[dtype]
  if (data.length !== expected)
    throw refuse(
      `Cannot read ${what}.data as ${dtype} [${[numbers.length, ...rest]}]: ${data.length} bytes, expected ${expected}`,
    )
  return { rows: numbers, data }
}

/** The place of the first number that is no row, or that came before. */
function firstWrong(rows: Int32Array, count: number): number | undefined {
  const seen = new Uint8Array(Math.ceil(count / 8))
  for (let i = 0; i < rows.length; i++) {
    const row = rows[i] ?? -1
    if (row < 0 || row >= count) return i
    const [at, bit] = [row >>> 3, 1 << (row & 7)]
    const before = seen[at] ?? 0
    if ((before & bit) !== 0) return i
    seen[at] = before | bit
  }
  return undefined
}

/** @throws Problem `invalid_request` where the chain or the engine cannot treat rows of a tensor that came apart */
export function checkRows(plan: Plan, rows: readonly Rows[], engine: Engine): void {
  for (const group of plan.groups) {
    const { kind } = group.rows
    const index = kind === 'none' ? group.tensors.find((tensor) => rows[tensor] !== undefined) : undefined
    if (kind !== 'none' || index === undefined) continue
    const { name = '' } = plan.tensors[index] ?? {}
    throw new Problem(
      'invalid_request',
      `The chain cannot treat rows of ${name} alone, because ${group.rows.reason}: send all of grads.${name}`,
      { path: `/grads/${name}` },
    )
  }
  const reason = engine.refuse(plan, rows)
  if (reason !== undefined)
    throw new Problem('invalid_request', `The step is too large: ${reason}`, { path: '/grads' })
}

/** @throws Problem `schema_mismatch` where parameters came as rows, and not as those of the gradients */
export function checkSameRows(gradients: Tensors, parameters: Tensors, tensors: readonly TensorSpec[]): void {
  for (const [i, { name }] of tensors.entries()) {
    const [rows, wanted] = [parameters.rows?.[i], gradients.rows?.[i]]
    if (rows === undefined || (rows.length === wanted?.length && rows.every((row, k) => row === wanted[k])))
      continue
    const is = wanted === undefined ? 'grads has the whole tensor' : 'they are not those of grads'
    throw new Problem(
      'schema_mismatch',
      `params.${name} has rows, and ${is}: send the rows that grads has in the same order, or the whole tensor`,
      { tensor: name },
    )
  }
}

/** A step as it is taken: of parameters that came whole, the rows that the gradients are of. */
export async function onlyRows(event: StepEvent, tensors: readonly TensorSpec[]): Promise<StepEvent> {
  const { gradients, parameters } = event
  const { rows } = gradients
  if (rows === undefined || parameters === undefined) return event
  const turns = new Turns()
  const parts: Uint8Array[] = []
  for (const [i, part] of parameters.parts.entries()) {
    const own = parameters.rows?.[i] === undefined ? rows[i] : undefined
    parts.push(own === undefined ? part : await gathered(part, own, tensors[i]?.shape[0] ?? 1, turns))
  }
  return { ...event, parameters: { dtype: parameters.dtype, parts, rows } }
}

async function gathered(
  part: Uint8Array,
  rows: Int32Array,
  count: number,
  turns: Turns,
): Promise<Uint8Array> {
  const size = part.length / count
  const out = new Uint8Array(rows.length * size)
  await turns.rows(rows.length, size, (begin, end) => {
    for (let i = begin; i < end; i++) {
      const from = (rows[i] ?? 0) * size
      out.set(part.subarray(from, from + size), i * size)
    }
  })
  return out
}
