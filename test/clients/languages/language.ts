import { execFile } from 'node:child_process'
import { mkdir, readFile, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { promisify } from 'node:util'

export const root = join(import.meta.dirname, '..', '..', '..', '..')
export const clients = join(root, 'client')
/** Programs that play the scenario, one folder a language. */
export const players = join(root, 'test', 'clients')
/** Whatever is built for the tests. */
export const built = join(players, '.build')

/** A program with its arguments; `in` is the folder to run it in. */
export interface Command {
  readonly run: readonly [string, ...string[]]
  readonly in?: string
  readonly env?: Readonly<Record<string, string>>
}

/** How the client of a language is built and proved. */
export interface Language {
  readonly name: string
  /** Its folder under `client/`. */
  readonly folder: string
  /** Programs that must be there; a language of which one is not is not run. */
  readonly tools: readonly Command['run'][]
  readonly build: () => Promise<void>
  /** Plays the scenario; `URL PREFIX SCENARIO OUT` are added, and `STEPD_API_KEY` where the server asks for keys. */
  readonly play?: Command
  /** Plays one of several workers by the adapter of a framework, and only what `several.json` has. */
  readonly adapter?: Command
  /** Runs the example of the language's page, which is written to `file` before. */
  readonly example: { readonly fence: string; readonly file: string; readonly commands: readonly Command[] }
  /**
   * The client's own tests; `STEPD_URL` is the server's address, `STEPD_KEYED_URL` that of one which asks for keys, as
   * `STEPD_API_KEY` is one.
   */
  readonly tests?: readonly { readonly what: string; readonly command: Command }[]
}

/** Run to its end, and answer with what it printed; throws with all of it when it fails. */
export async function execute({ run: [program, ...args], in: cwd, env }: Command): Promise<string> {
  const options = { cwd, env: { ...process.env, ...env }, maxBuffer: 2 ** 26 }
  try {
    return (await promisify(execFile)(program, args, options)).stdout
  } catch (error) {
    const { stdout = '', stderr = '' } = Object(error)
    throw new Error(`${[program, ...args].join(' ')} failed: ${error}\n${stdout}\n${stderr}`)
  }
}

/** Whether a program answers. */
export const answers = (run: Command['run']): Promise<boolean> =>
  execute({ run }).then(
    () => true,
    () => false,
  )

/** Install packages of Debian's, as root. */
export async function apt(...packages: string[]): Promise<void> {
  const env = { DEBIAN_FRONTEND: 'noninteractive' }
  await execute({ run: ['apt-get', 'update'], env })
  await execute({ run: ['apt-get', 'install', '-y', '--no-install-recommends', ...packages], env })
}

/** Write the first example of the page, for the server at `url`. */
export async function writeExample(
  { folder, example: { fence, file } }: Language,
  url: string,
): Promise<void> {
  const page = join(clients, folder, 'README.md')
  const [, code] = new RegExp(`\`\`\`${fence}\n([\\s\\S]*?)\`\`\``).exec(await readFile(page, 'utf8')) ?? []
  if (code === undefined) throw new Error(`Cannot find an example in ${page}: expected a block of ${fence}`)
  if (!code.includes('http://127.0.0.1:8080')) throw new Error(`The example in ${page} connects to nowhere`)
  await mkdir(dirname(file), { recursive: true })
  await writeFile(file, code.replace('http://127.0.0.1:8080', url))
}
