import type { Combine, Primitive } from '../../expression/index.ts'
import type { Device, Handle } from './device.ts'

/** Runs a primitive on tensors that are broadcast against each other. */
type Run = (device: Device, a: Handle, b: Handle, c: Handle) => Handle

const unary =
  (op: string): Run =>
  (device, a) =>
    device.run(op, [a])

const binary =
  (op: string): Run =>
  (device, a, b) =>
    device.run(op, [a, b])

/** Comparisons give 1 or 0, as everywhere, and not truth values. */
const compare =
  (op: 'Less' | 'LessEqual' | 'Equal'): Run =>
  (device, a, b) =>
    device.cast(device.run(op, [a, b]), 'F32')

export const ops: Readonly<Record<Primitive, Run>> = {
  neg: unary('Neg'),
  abs: unary('Abs'),
  // x where it is 0, so that the sign of 0 stays.
  sign: (device, a) =>
    device.run('SelectV2', [device.run('Equal', [a, device.scalar(0)]), a, device.run('Sign', [a])]),
  sqrt: unary('Sqrt'),
  exp: unary('Exp'),
  log: unary('Log'),
  tanh: unary('Tanh'),
  cos: unary('Cos'),
  floor: unary('Floor'),
  bf16: (device, a) => device.cast(device.cast(a, 'BF16'), 'F32'),
  add: binary('AddV2'),
  sub: binary('Sub'),
  mul: binary('Mul'),
  div: binary('RealDiv'),
  min: binary('Minimum'),
  max: binary('Maximum'),
  pow: binary('Pow'),
  powi: binary('Pow'),
  lt: compare('Less'),
  le: compare('LessEqual'),
  eq: compare('Equal'),
  select: (device, condition, a, b) =>
    device.run('SelectV2', [device.run('NotEqual', [condition, device.scalar(0)]), a, b]),
}

export const reductions: Readonly<Record<Combine, 'Sum' | 'Max' | 'Min'>> = {
  sum: 'Sum',
  max: 'Max',
  min: 'Min',
}

/** Kept numbers below the least normal float32 are 0. */
export const flush = (device: Device, x: Handle): Handle =>
  device.run('SelectV2', [
    device.run('Less', [device.run('Abs', [x]), device.scalar(2 ** -126)]),
    device.scalar(0),
    x,
  ])
