import type { ApplyRequest } from '../../schemas/index.ts'
import { printChain, readChain } from '../chains/index.ts'
import type { Engine, StepOutput } from '../engines/engine.ts'
import { checkFits, prepare } from './prepare.ts'
import type { Programs } from './program.ts'
import { onlyRows } from './rows.ts'

/** One step from fresh state, of which nothing is kept. Where the output has a lease, that is the caller's to release. */
export async function apply(
  request: ApplyRequest,
  engine: Engine,
  programs: Programs,
): Promise<{ readonly output: StepOutput; readonly of: 'updates' | 'params' }> {
  const { tensors } = request
  const { plan, measured, sizes } = programs.of({
    chain: printChain(readChain(request.chain)),
    tensors,
    keeps: false,
  })
  checkFits(plan, engine)
  const { event: sent, ask } = prepare(request, { plan, sizes, tensors, keeps: false }, engine)
  const event = await onlyRows(sent, tensors)
  const options = Float64Array.from(plan.options.values())
  const replica = await engine.open(plan, { options })
  try {
    const output = await replica.step({
      plan: ask.stats ? measured : plan,
      gradients: event.gradients,
      ...(event.parameters === undefined ? {} : { parameters: event.parameters }),
      ...(event.loss === undefined ? {} : { loss: event.loss }),
      options,
      want: ask.want,
    })
    return { output, of: ask.want.of }
  } finally {
    replica.close()
  }
}
