import { randomFillSync } from 'node:crypto'

const bytes = 16
const pool = Buffer.alloc(256 * bytes)
let used = pool.length

/** 32 random hex digits. Random bytes come many at a time: asking for them is what takes long. */
export function randomId(): string {
  if (used === pool.length) {
    randomFillSync(pool)
    used = 0
  }
  used += bytes
  return pool.toString('hex', used - bytes, used)
}
