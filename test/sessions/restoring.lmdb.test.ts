import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { testRestoring } from '../restoring.ts'

testRestoring('lmdb', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'stepd-restoring-'))
  return { store: `lmdb:${folder}`, stop: () => rm(folder, { recursive: true, force: true }) }
})
