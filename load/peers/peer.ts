/** What an optimizer is made with: AdamW's `b1`, `b2` and `eps` are everybody's defaults. */
export interface Options {
  readonly learning_rate: number
  readonly weight_decay: number
}

/** A server that takes steps: a POST of `{grads}` to the path of a session. */
export interface Peer {
  readonly port: number
  /** Makes a session with parameters that the server keeps; the path of its steps. */
  readonly open: (id: string, params: Float32Array<ArrayBuffer>, options: Options) => Promise<string>
  readonly stop: () => Promise<void>
}

/** One way to run a server. */
export interface Setting {
  readonly label: string
  /** @param redis where its state is to be */
  readonly start: (redis: string) => Promise<Peer>
}

/** A server, and the ways to run it that its author would try. */
export interface Rival {
  readonly name: string
  readonly settings: readonly Setting[]
}

/** Bytes of tensors, not copied. */
export const bytesOf = ({ buffer, byteOffset, byteLength }: Float32Array<ArrayBuffer>): Uint8Array =>
  new Uint8Array(buffer, byteOffset, byteLength)

/** Tensors of bytes, which may begin anywhere. */
export const floatsOf = (bytes: Uint8Array): Float32Array<ArrayBuffer> =>
  new Float32Array(new Uint8Array(bytes).buffer)
