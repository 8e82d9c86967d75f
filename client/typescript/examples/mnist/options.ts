import { closeSync, existsSync, openSync, rmSync } from 'node:fs'
import { parseArgs } from 'node:util'
import { REFERENCE_CHAIN } from './reference.ts'

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

/** @throws Error that names the option and says what would be right */
export function readOptions(args: readonly string[]): Options {
  const values = parse([...args])
  const { url, store, engine, help, out } = values
  const ofServer = store !== undefined ? '--store' : '--engine'
  if (url !== undefined && (store ?? engine) !== undefined)
    throw new Error(`Cannot take ${ofServer} with --url: it is for the server that the demo starts itself`)
  if (url !== undefined && (!URL.canParse(url) || !/^https?:$/.test(new URL(url).protocol)))
    throw new Error(`Cannot take --url ${url}: expected a server's address, such as http://127.0.0.1:8080`)
  if (!help) checkWritable(out)
  const [epochs, batch] = [positive('epochs', values.epochs), positive('batch', values.batch)]
  return { ...values, url, store, engine, epochs, batch }
}

function parse(args: string[]) {
  try {
    const { values } = parseArgs({
      args,
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
    return values
  } catch (error) {
    // Its first sentence: what follows is advice on arguments that are no options.
    const [what] = (error as Error).message.split(/\.\s/)
    throw new Error(`${what}; see --help`, { cause: error })
  }
}

function positive(name: string, text: string): number {
  const value = Number(text)
  if (!Number.isInteger(value) || value < 1)
    throw new Error(`Cannot take --${name} ${text}: expected a whole number above 0`)
  return value
}

/** Now rather than after the training. Leaves no file behind that was not there. */
function checkWritable(path: string): void {
  const existed = existsSync(path)
  try {
    closeSync(openSync(path, 'a'))
  } catch (error) {
    throw new Error(`Cannot take --out ${path}: ${(error as Error).message}`, { cause: error })
  }
  if (!existed) rmSync(path)
}
