import { spawn, spawnSync } from 'node:child_process'
import { existsSync, readdirSync } from 'node:fs'
import { dirname, join } from 'node:path'

/** Whether a program is here and answers. */
export const answers = (program: string, ...args: string[]): boolean => spawnSync(program, args).status === 0

/**
 * Run a program to its end; what it prints goes to stderr as it comes.
 * @throws Error that says which program failed
 */
export function run(program: string, args: readonly string[], folder?: string): Promise<void> {
  return new Promise((resolve, reject) => {
    const child = spawn(program, args, {
      stdio: ['ignore', 2, 2],
      ...(folder === undefined ? {} : { cwd: folder }),
    })
    child.once('error', reject)
    child.once('exit', (code, signal) => {
      if (code === 0) resolve()
      else
        reject(
          new Error(`${program} ${args.slice(0, 3).join(' ')} … failed with ${signal ?? `code ${code}`}`),
        )
    })
  })
}

/** What `run` prints, as text. @throws Error with what the program said on stderr */
export function ask(program: string, args: readonly string[]): string {
  const { status, signal, stdout, stderr, error } = spawnSync(program, args, { encoding: 'utf8' })
  if (status === 0) return stdout.trim()
  throw new Error(error?.message ?? (stderr.trim() || `${program} ended with ${signal ?? `code ${status}`}`))
}

/** Headers of Node-API: those of the running Node, else of the npm package, which goes into the folder. */
export async function nodeHeaders(folder: string): Promise<string> {
  const own = join(dirname(process.execPath), '..', 'include', 'node')
  if (existsSync(join(own, 'node_api.h'))) return own
  await run('npm', ['pack', '--silent', 'node-api-headers@1.9.0'], folder)
  const [archive] = readdirSync(folder).filter((name) => name.endsWith('.tgz'))
  if (archive === undefined) throw new Error('npm pack node-api-headers left no archive')
  await run('tar', ['-xzf', archive], folder)
  return join(folder, 'package', 'include')
}
