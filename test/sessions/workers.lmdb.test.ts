import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { testWorkers } from '../workers.ts'

testWorkers('lmdb', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'stepd-workers-'))
  return { store: `lmdb:${folder}`, stop: () => rm(folder, { recursive: true, force: true }) }
})
