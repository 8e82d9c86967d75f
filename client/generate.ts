/** Writes what clients repeat of the server, from the catalogue and the error table. */
import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { generate } from './generate/files.ts'

const root = join(import.meta.dirname, '..', '..')

for (const [path, text] of generate()) {
  const file = join(root, path)
  const before = await readFile(file, 'utf8').catch(() => undefined)
  if (before !== text) await writeFile(file, text)
  process.stdout.write(`${path}: ${before === text ? 'as it was' : 'written'}\n`)
}
