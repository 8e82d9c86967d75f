import { parseArgs } from 'node:util'
import { REFERENCE_CHAIN } from './reference.ts'

export const USAGE = `Train a small network on MNIST through a stepd server.

  npm run demo -- [options]

  --url URL        a running server (default: one is started, and stopped at the end)
  --store STORE    of the server that is started (default: embedded, in a temporary folder)
  --engine ENGINE  of the server that is started (default: auto)
  --chain CHAIN    (default: ${REFERENCE_CHAIN},
                   with which TensorFlow.js's own Adam is compared)
  --epochs N       (default: 2)
  --batch N        (default: 100)
  --out FILE       where the loss curve goes (default: loss.svg)
  --json           print one JSON object instead of text
  --help`

export interface Options {
  readonly url: string | undefined
  readonly store: string | undefined
  readonly engine: string | undefined
  readonly chain: string
  readonly epochs: number
  readonly batch: number
  readonly out: string
  readonly json: boolean
  readonly help: boolean
}

export function readOptions(args: readonly string[]): Options {
  const { values } = parseArgs({
    args: [...args],
    options: {
      url: { type: 'string' },
      store: { type: 'string' },
      engine: { type: 'string' },
      chain: { type: 'string', default: REFERENCE_CHAIN },
      epochs: { type: 'string', default: '2' },
      batch: { type: 'string', default: '100' },
      out: { type: 'string', default: 'loss.svg' },
      json: { type: 'boolean', default: false },
      help: { type: 'boolean', default: false },
    },
  })
  return {
    ...values,
    url: values.url,
    store: values.store,
    engine: values.engine,
    epochs: positive('epochs', values.epochs),
    batch: positive('batch', values.batch),
  }
}

function positive(name: string, text: string): number {
  const value = Number(text)
  if (!Number.isInteger(value) || value < 1)
    throw new Error(`Cannot take --${name} ${text}: expected a whole number above 0`)
  return value
}
