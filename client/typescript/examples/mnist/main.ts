/**
 * Train a small network on MNIST with every optimizer step made by a stepd server: gradients here, in
 * TensorFlow.js; clip, centralize and Adam there, over HTTP. Ends with the test accuracy, the distance to
 * TensorFlow.js's own Adam on the same gradients, and the loss curve in an SVG.
 */
import { writeFileSync } from 'node:fs'
import * as tf from '@tensorflow/tfjs'
import { connect } from '../../index.ts'
import { drawCurve } from './curve.ts'
import { readDigits } from './files.ts'
import { accuracy, initialParams, layers, tensors } from './model.ts'
import { type Options, readOptions } from './options.ts'
import { Progress } from './progress.ts'
import { uniform } from './random.ts'
import { REFERENCE_CHAIN, Reference } from './reference.ts'
import { report, type Summary } from './report.ts'
import { startServer } from './server.ts'
import { train } from './train.ts'
import { USAGE } from './usage.ts'

const SEED = 1

async function run(options: Options, url: string, signal: AbortSignal): Promise<Summary> {
  tf.enableProdMode() // Without its checks, and without advice to take another backend.
  await tf.setBackend('cpu')
  const random = uniform(SEED)
  const params = initialParams(random)
  const reference = options.chain === REFERENCE_CHAIN ? new Reference(params) : undefined
  const { chain, epochs, batch } = options
  const id = `mnist-${crypto.randomUUID()}`
  const session = await connect(url).open(id, { chain, tensors, ttl_s: 3600 }, signal)
  const progress = new Progress()
  try {
    const digits = readDigits('train')
    const begin = performance.now()
    const trained = await train({
      session,
      params,
      reference,
      digits,
      epochs,
      batch,
      random,
      progress,
      signal,
    })
    const seconds = { total: (performance.now() - begin) / 1000, ...trained.seconds }
    await session.delete()
    return {
      chain: session.info.chain,
      epochs,
      batch,
      steps: session.currentStep,
      seconds,
      losses: trained.losses,
      accuracy: accuracy(params, readDigits('t10k')),
      distance: reference?.distance(params),
    }
  } finally {
    progress.end()
  }
}

/** The file, or undefined when it cannot be written: that loses the curve, not the report. */
function writeCurve({ batch, accuracy, chain, losses }: Summary, file: string): string | undefined {
  const title = `MNIST through stepd: ${layers} network, batch ${batch}, test accuracy ${(100 * accuracy).toFixed(2)} %`
  const subtitle = chain.length > 80 ? `${chain.slice(0, 79)}…` : chain
  try {
    writeFileSync(file, drawCurve({ title, subtitle, losses }))
    return file
  } catch (error) {
    complain(`Cannot write the loss curve: ${(error as Error).message}`)
    return undefined
  }
}

async function main(): Promise<void> {
  const options = readOptions(process.argv.slice(2))
  if (options.help) return console.log(USAGE)
  const stopping = new AbortController()
  for (const name of ['SIGINT', 'SIGTERM'] as const) {
    process.once(name, () => stopping.abort(new Error(`Stopped by ${name}`)))
  }
  const server = options.url === undefined ? await startServer(options) : undefined
  server?.failed.catch((error: unknown) => stopping.abort(error))
  try {
    const summary = await run(options, server?.url ?? options.url ?? '', stopping.signal)
    console.log(report(summary, { json: options.json, curve: writeCurve(summary, options.out) }))
  } finally {
    await server?.stop()
  }
}

function complain(message: unknown): void {
  console.error(message)
  process.exitCode = 1
}

main().catch((error: unknown) => complain(error instanceof Error ? error.message : error))
