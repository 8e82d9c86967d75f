import { Packr } from 'msgpackr'

const packr = new Packr({ useRecords: false, variableMapSize: true })

/** A number that msgpack writes in five bytes, as it does all that are put in its place. */
const place = 0xff_ff_ff_fe

export const gradients = (parameters: number): Float32Array =>
  Float32Array.from({ length: parameters }, (_, i) => Math.sin(i))

const bytesOf = (numbers: Float32Array) => new Uint8Array(numbers.buffer)

/** Without a number: the server takes it for whatever step comes next. */
export const unnumbered = (parameters: number): Buffer =>
  packr.pack({ grads: bytesOf(gradients(parameters)) })

/** One body for all steps of a trainer: only their number changes, in place. */
export class NumberedBody {
  readonly bytes: Buffer
  readonly #at: number

  constructor(parameters: number, worker?: string) {
    const head = { step: place, ...(worker === undefined ? {} : { worker }) }
    this.bytes = packr.pack({ ...head, grads: bytesOf(gradients(parameters)) })
    this.#at = this.bytes.indexOf(Buffer.from([0xce, 0xff, 0xff, 0xff, 0xfe])) + 1
  }

  for(step: number): Buffer {
    this.bytes.writeUInt32BE(step, this.#at)
    return this.bytes
  }
}
