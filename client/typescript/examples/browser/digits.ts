import { type Digits, digitsOf } from '../mnist/data.ts'

/** The digits, from where the page came from. */
export async function fetchDigits(part: 'train' | 't10k'): Promise<Digits> {
  const [images, labels] = await Promise.all(
    ['images-idx3-ubyte', 'labels-idx1-ubyte'].map((name) => read(`/digits/${part}-${name}`)),
  )
  if (images === undefined || labels === undefined) throw new Error(`Cannot fetch the digits of ${part}`)
  return digitsOf(images, labels)
}

async function read(path: string): Promise<Uint8Array> {
  const answer = await fetch(path)
  if (!answer.ok) throw new Error(`Cannot fetch ${path}: ${answer.status} ${answer.statusText}`)
  return new Uint8Array(await answer.arrayBuffer())
}
