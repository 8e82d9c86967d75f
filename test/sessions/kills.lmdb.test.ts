import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { testKills } from '../durability.ts'

testKills('lmdb', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'stepd-kills-'))
  return { store: `lmdb:${folder}`, stop: () => rm(folder, { recursive: true, force: true }) }
})
