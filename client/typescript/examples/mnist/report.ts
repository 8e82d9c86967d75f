export interface Summary {
  readonly chain: string
  readonly epochs: number
  readonly batch: number
  readonly steps: number
  readonly seconds: {
    readonly total: number
    readonly gradients: number
    readonly service: number
    readonly reference: number
  }
  readonly losses: readonly number[]
  /** On the 10 000 test digits, of 1. */
  readonly accuracy: number
  /** ‖a − b‖ / ‖b‖, a by the service and b by TensorFlow.js; only for the chain that both know. */
  readonly distance: number | undefined
}

/** The summary as text, or as one JSON object, with the file of the loss curve where it could be written. */
export function report(
  summary: Summary,
  { json, curve }: { json: boolean; curve: string | undefined },
): string {
  const { losses, ...rest } = summary
  const loss = mean(losses.slice(-100))
  if (json) return JSON.stringify({ ...rest, loss, curve })
  const { steps, seconds, distance } = summary
  const ms = (part: number): string => `${((1000 * part) / steps).toFixed(1)} ms`
  const own = distance === undefined ? '' : `, TensorFlow.js's own Adam ${ms(seconds.reference)}`
  const compared =
    distance === undefined ? [] : [`distance       ${distance.toExponential(2)} to TensorFlow.js's own Adam`]
  return [
    `chain          ${summary.chain}`,
    `steps          ${steps} in ${seconds.total.toFixed(1)} s (${(steps / seconds.total).toFixed(1)} a second)`,
    `a step         gradients ${ms(seconds.gradients)}, service ${ms(seconds.service)}${own}`,
    `loss           ${loss.toFixed(4)} (mean of the last ${Math.min(100, losses.length)} batches)`,
    `test accuracy  ${(100 * summary.accuracy).toFixed(2)} %`,
    ...compared,
    ...(curve === undefined ? [] : [`loss curve     ${curve}`]),
  ].join('\n')
}

const mean = (values: readonly number[]): number =>
  values.reduce((sum, value) => sum + value, 0) / values.length
