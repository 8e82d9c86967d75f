import { availableParallelism } from 'node:os'
import { compile } from '../../compiler/compile.ts'
import { type Expr, leaf, zeros } from '../../expression/index.ts'
import { narrow, widen } from '../dtypes.ts'
import { tensorflowEngine } from './engine.ts'

/** Momentum on one tensor: m = m / 2 + g, with m as the update. */
function momentum() {
  const slot: Expr = leaf({ op: 'slot', slot: 'm' }, 'element', 1)
  const m = slot.mul(0.5).add(leaf({ op: 'gradient' }, 'element', 1))
  const body = { update: m, next: new Map([['m', m]]), gives: new Map(), exposed: new Map(), made: new Map() }
  const tensors = [{ name: 'w', shape: [4], rank: 1 }]
  return compile({ tensors, bodies: [{ ...body, slots: new Map([['m', zeros()]]) }], options: new Map() })
}

/**
 * Compute two steps and compare them with what they must give.
 * @returns a line on what computed them
 */
export async function check(): Promise<string> {
  const engine = await tensorflowEngine({ threads: availableParallelism() })
  try {
    const plan = momentum()
    const options = new Float64Array()
    const replica = await engine.open(plan, { options })
    const gradients = { dtype: 'F32', parts: [narrow(Float64Array.of(2, 4, -8, 0), 'F32')] } as const
    const want = { dtype: 'F32', of: 'updates' } as const
    await replica.step({ plan, options, gradients })
    const { parts: [bytes = new Uint8Array()] = [] } = await replica.step({ plan, options, gradients, want })
    replica.close()
    const found = widen({ dtype: 'F32', bytes }).join(', ')
    if (found !== '3, 6, -12, 0') throw new Error(`TensorFlow computes ${found}, expected 3, 6, -12, 0`)
    return `${engine.numerics} works${engine.gpu ? ' on the GPU' : '; TensorFlow sees no GPU and computes on the CPU'}`
  } finally {
    await engine.close()
  }
}
