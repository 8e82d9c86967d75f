/** Version of the bytes that stores write: the first byte of all that the embedded store keeps, a field in Redis. */
export const FORMAT = 1

/** Throws unless `format` is the one that this version reads. */
export const expectFormat = (format: number | undefined, what: string): void => {
  if (format !== FORMAT) {
    throw new Error(
      `Cannot read ${what}: it is in storage format ${format ?? 'none'}, this version reads format ${FORMAT}`,
    )
  }
}

/** `format byte · length of the header, u32 little-endian · header as JSON · bytes` */
export const encode = (header: object, bytes: Uint8Array = new Uint8Array(0)): Uint8Array => {
  const json = Buffer.from(JSON.stringify(header))
  const out = Buffer.allocUnsafeSlow(5 + json.length + bytes.length)
  out[0] = FORMAT
  out.writeUInt32LE(json.length, 1)
  out.set(json, 5)
  out.set(bytes, 5 + json.length)
  return out
}

/** `bytes` in the result is a copy: what is given may be memory that a later transaction changes. */
export const decode = <Header>(
  encoded: Uint8Array,
  what: string,
): { readonly header: Header; readonly bytes: Uint8Array } => {
  expectFormat(encoded[0], what)
  const view = Buffer.from(encoded.buffer, encoded.byteOffset, encoded.length)
  const end = 5 + view.readUInt32LE(1)
  return { header: JSON.parse(view.toString('utf8', 5, end)), bytes: new Uint8Array(view.subarray(end)) }
}
