import { spawnSync } from 'node:child_process'
import { basename } from 'node:path'

const found = (): boolean => spawnSync('redis-server', ['--version']).status === 0

/** Tests against Redis run everywhere: where the server is not installed, it is installed, or they fail. */
export const ensureRedis = (): void => {
  if (found()) return
  if (process.getuid?.() !== 0) {
    throw new Error(
      'Cannot find redis-server in PATH: install it, for instance with: apt-get install redis-server',
    )
  }
  process.stderr.write('redis-server is not installed: installing it with apt-get\n')
  const env = { ...process.env, DEBIAN_FRONTEND: 'noninteractive' }
  for (const args of [['update'], ['install', '-y', '--no-install-recommends', 'redis-server']]) {
    const { status, stderr } = spawnSync('apt-get', args, { env, encoding: 'utf8' })
    if (status !== 0)
      throw new Error(`Cannot install redis-server: apt-get ${args.join(' ')} failed: ${stderr}`)
  }
  if (!found()) throw new Error('Cannot find redis-server in PATH, also after apt-get install redis-server')
}

// As a program it runs once, before the test files: these run at the same time, which apt-get cannot.
if (basename(process.argv[1] ?? '') === 'setup.js') ensureRedis()
