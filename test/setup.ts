import { spawnSync } from 'node:child_process'
import { existsSync } from 'node:fs'
import { basename } from 'node:path'

/** A program of Debian's that tests need. */
interface Need {
  readonly program: string
  readonly found: () => boolean
}

const redis: Need = {
  program: 'redis-server',
  found: () => spawnSync('redis-server', ['--version']).status === 0,
}
// Debian keeps it where only root's PATH leads.
const nginx: Need = {
  program: 'nginx',
  found: () => existsSync('/usr/sbin/nginx') || spawnSync('nginx', ['-v']).status === 0,
}
const chromium: Need = { program: 'chromium', found: () => findChromium() !== undefined }

/** Where Chromium is; its own starting would take a second. */
export const findChromium = (): string | undefined =>
  ['/usr/bin/chromium', '/usr/bin/chromium-browser', '/usr/bin/google-chrome'].find(existsSync)

/** Tests against Redis run everywhere: where the server is not installed, it is installed, or they fail. */
export const ensureRedis = (): void => ensure(redis)

/** So do those of the proxy. */
export const ensureNginx = (): void => ensure(nginx)

/** @throws Error where the program is not installed and cannot be */
function ensure({ program, found }: Need): void {
  if (found()) return
  if (process.getuid?.() !== 0)
    throw new Error(`Cannot find ${program}: install it, for instance with: apt-get install ${program}`)
  process.stderr.write(`${program} is not installed: installing it with apt-get\n`)
  const env = { ...process.env, DEBIAN_FRONTEND: 'noninteractive' }
  for (const args of [['update'], ['install', '-y', '--no-install-recommends', program]]) {
    const { status, stderr } = spawnSync('apt-get', args, { env, encoding: 'utf8' })
    if (status !== 0)
      throw new Error(`Cannot install ${program}: apt-get ${args.join(' ')} failed: ${stderr}`)
  }
  if (!found()) throw new Error(`Cannot find ${program}, also after apt-get install ${program}`)
}

/** The tests of the page in a browser are left out where there is none, and say so; but not where CI is set. */
function ensureBrowser(): void {
  try {
    ensure(chromium)
  } catch (error) {
    if (process.env.CI !== undefined) throw error
    process.stderr.write(`${(error as Error).message}\n`)
  }
}

// As a program it runs once, before the test files: these run at the same time, which apt-get cannot.
if (basename(process.argv[1] ?? '') === 'setup.js') {
  ensureRedis()
  ensureNginx()
  ensureBrowser()
}
