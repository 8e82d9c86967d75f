import { realpathSync } from 'node:fs'
import { mkdir, mkdtemp, readdir, rename, rm, stat, symlink, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { addonIn, type Built, builtIn, noteIn, packageFolder, packageName } from './addon.ts'
import { check } from './check.ts'
import { answers, ask, nodeHeaders, run } from './tools.ts'

// Builds the addon of tfjs-node-gpu against TensorFlow's library from its wheel for Python. The one that the package
// would download is TensorFlow 2.9, which knows no GPU made since, and its host is closed in many networks.

const version = '2.21.0'
const self = fileURLToPath(import.meta.url)

/** Parts of wheels that are unpacked: the library, the headers that the addon includes, and CUDA. */
const wanted = [
  'tensorflow/libtensorflow_',
  'tensorflow/include/tensorflow/c/',
  'tensorflow/include/tensorflow/core/platform/ctstring',
  'tensorflow/include/tsl/platform/ctstring',
  'tensorflow/include/xla/tsl/c/',
  'nvidia/',
]

/** Unpacks what starts as wanted from each wheel of a folder; a wheel is a zip, and pip brings Python with it. */
const unpack = `
import os, sys, zipfile
folder, target, *wanted = sys.argv[1:]
for name in sorted(os.listdir(folder)):
    if not name.startswith(('tensorflow', 'nvidia')): continue
    with zipfile.ZipFile(os.path.join(folder, name)) as wheel:
        for member in wheel.namelist():
            if member.startswith(tuple(wanted)) and not (member.startswith('nvidia/') and '/include/' in member):
                wheel.extract(member, target)
`

/**
 * Make the engine ready; does nothing where it is. `say` is told what happens, a line a time.
 * @returns what TensorFlow said of itself in a step that it computed
 * @throws Error that says what is missing
 */
export async function setup(kind: Built['kind'], say: (line: string) => void): Promise<string> {
  const folder = packageFolder()
  if (folder === undefined)
    throw new Error(`${packageName} is not installed: run npm ci --include=optional, then this again`)
  const built = builtIn(folder)
  if (built?.version === version && built.kind === kind) {
    try {
      return `Nothing to do: ${tryIt()}`
    } catch (error) {
      say(`It is built, but does not work: ${String(error)}`)
    }
  }
  requireTools()
  const work = await mkdtemp(join(folder, '.setup-'))
  try {
    await build(folder, work, kind, say)
  } finally {
    await rm(work, { recursive: true, force: true })
  }
  say('Trying it: one step of momentum')
  return tryIt()
}

/** In a process of its own: a library that does not fit would take this one with it. */
const tryIt = (): string => ask(process.execPath, [self, '--check'])

function requireTools(): void {
  const lacking = [
    ...(process.platform === 'linux' && process.arch in machines ? [] : ['Linux on x86_64 or aarch64']),
    ...(answers('python3', '-m', 'pip', '--version')
      ? []
      : ['python3 with pip (apt-get install python3-pip)']),
    ...(answers('g++', '--version') ? [] : ['g++ (apt-get install g++)']),
  ]
  if (lacking.length > 0) throw new Error(`Cannot set up TensorFlow without ${lacking.join(', and ')}`)
}

const machines: Readonly<Record<string, string>> = { x64: 'x86_64', arm64: 'aarch64' }

async function build(
  folder: string,
  work: string,
  kind: Built['kind'],
  say: (line: string) => void,
): Promise<void> {
  const [wheels, deps] = [join(work, 'wheels'), join(work, 'deps')]
  const requirement = kind === 'gpu' ? `tensorflow[and-cuda]==${version}` : `tensorflow-cpu==${version}`
  say(`Downloading ${requirement} with pip: ${kind === 'gpu' ? 'some 3.4 GB' : 'some 270 MB'}`)
  await download(requirement, kind, wheels)
  say(`Unpacking ${await sizeOf(wheels)} MB`)
  await run('python3', ['-c', unpack, wheels, work, ...wanted])
  await rm(wheels, { recursive: true })
  await layOut(work, deps)
  say('Compiling the addon')
  await compileAddon(folder, work, deps)
  await rm(join(folder, 'deps'), { recursive: true, force: true })
  await rename(deps, join(folder, 'deps'))
  await mkdir(dirname(addonIn(folder)), { recursive: true })
  await rename(join(work, 'tfjs_binding.node'), addonIn(folder))
  await writeFile(noteIn(folder), JSON.stringify({ version, kind } satisfies Built))
}

/** Whatever Python is here: the library is the same in the wheels for all of them. */
async function download(requirement: string, kind: Built['kind'], to: string): Promise<void> {
  const machine = machines[process.arch] ?? process.arch
  const platforms = ['manylinux_2_28', 'manylinux_2_27', 'manylinux_2_17', 'manylinux2014'].flatMap(
    (name) => ['--platform', `${name}_${machine}`],
  )
  const python = ['--implementation', 'cp', '--python-version', '3.12', '--only-binary', ':all:']
  const dependencies = kind === 'gpu' ? [] : ['--no-deps']
  await run('python3', [
    '-m',
    'pip',
    'download',
    '--quiet',
    '-d',
    to,
    ...python,
    ...platforms,
    ...dependencies,
    requirement,
  ])
}

async function sizeOf(folder: string): Promise<number> {
  const files = await Promise.all((await readdir(folder)).map((name) => stat(join(folder, name))))
  return Math.round(files.reduce((sum, { size }) => sum + size, 0) / 1e6)
}

/** As the addon and TensorFlow look for each other: lib/, include/, and CUDA in nvidia/ beside lib/. */
async function layOut(work: string, deps: string): Promise<void> {
  await mkdir(join(deps, 'lib'), { recursive: true })
  await rename(join(work, 'tensorflow', 'include'), join(deps, 'include'))
  for (const [library, link] of [
    ['libtensorflow_cc.so.2', 'libtensorflow.so'],
    ['libtensorflow_framework.so.2', 'libtensorflow_framework.so'],
  ] as const) {
    await rename(join(work, 'tensorflow', library), join(deps, 'lib', library))
    await symlink(library, join(deps, 'lib', link))
  }
  const cuda = await readdir(work)
  if (cuda.includes('nvidia')) await rename(join(work, 'nvidia'), join(deps, 'nvidia'))
}

/** Two files over Node-API: a compiler is enough, and neither node-gyp nor a download of Node's headers is needed. */
async function compileAddon(folder: string, work: string, deps: string): Promise<void> {
  const sources = ['tfjs_backend.cc', 'tfjs_binding.cc'].map((name) => join(folder, 'binding', name))
  const headers = [join(deps, 'include'), await nodeHeaders(work)].flatMap((path) => ['-I', path])
  const libraries = ['-L', join(deps, 'lib'), '-ltensorflow', '-ltensorflow_framework']
  const options = [
    '-std=c++17',
    '-O2',
    '-w',
    '-fPIC',
    '-shared',
    '-DNAPI_VERSION=8',
    '-Wl,-rpath,$ORIGIN/../../deps/lib',
  ]
  await run('g++', [...options, ...headers, ...sources, ...libraries, '-o', join(work, 'tfjs_binding.node')])
}

async function main(args: readonly string[]): Promise<void> {
  const unknown = args.filter((arg) => arg !== '--gpu' && arg !== '--check')
  if (unknown.length > 0)
    throw new Error(`${unknown.join(' ')} is no argument of setup:tensorflow: there is --gpu`)
  const say = (line: string) => process.stdout.write(`${line}\n`)
  say(args.includes('--check') ? await check() : await setup(args.includes('--gpu') ? 'gpu' : 'cpu', say))
}

if (process.argv[1] !== undefined && realpathSync(process.argv[1]) === realpathSync(self)) {
  await main(process.argv.slice(2)).catch((error: unknown) => {
    process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n`)
    process.exitCode = 1
  })
}
