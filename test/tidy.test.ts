import assert from 'node:assert/strict'
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { dirname, join, relative } from 'node:path'
import { test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { catalogue } from '../server/chains/index.ts'
import { loadVectors } from './vectors/load.ts'

// The invariants of server/README.md, held against the sources themselves.

const root = join(dirname(fileURLToPath(import.meta.url)), '..', '..')

interface Source {
  readonly path: string
  readonly text: string
  /** Files of ours that it imports; types too. */
  readonly imports: readonly string[]
  readonly packages: readonly string[]
}

function sourcesUnder(folder: string): string[] {
  return readdirSync(join(root, folder), { withFileTypes: true }).flatMap((entry) => {
    const path = join(folder, entry.name)
    if (entry.isDirectory()) return /^(\.|node_modules$)/.test(entry.name) ? [] : sourcesUnder(path)
    return entry.name.endsWith('.ts') ? [path] : []
  })
}

function read(path: string): Source {
  const text = readFileSync(join(root, path), 'utf8')
  const specifiers = [...text.matchAll(/(?:from|import) ?\(?'([^']+)'/g)].map(
    ([, specifier = '']) => specifier,
  )
  const ours = specifiers.filter((specifier) => specifier.startsWith('.'))
  return {
    path,
    text,
    imports: ours.map((specifier) => relative(root, join(root, dirname(path), specifier))),
    packages: specifiers.filter((specifier) => !specifier.startsWith('.')),
  }
}

const sources = ['server', 'client', 'schemas', 'test', 'load'].flatMap(sourcesUnder).map(read)
const under = (folder: string) => sources.filter(({ path }) => path.startsWith(`${folder}/`))
const folderOf = (path: string) =>
  /^(server|client)\//.test(path) ? path.split('/').slice(0, 2).join('/') : path.split('/')[0]

/** Which folders, or files, each folder may import. */
const arrows: Readonly<Record<string, readonly string[]>> = {
  schemas: [],
  'server/expression': [],
  'server/transformations': ['server/expression'],
  'server/optimizers': ['server/expression', 'server/transformations'],
  'server/chains': [
    'schemas',
    'server/expression',
    'server/compiler/sparse.ts',
    'server/transformations',
    'server/optimizers',
  ],
  'server/compiler': ['server/expression'],
  'server/engines': ['server/expression', 'server/compiler', 'server/turns.ts'],
  'server/stores': ['server/garbage.ts', 'server/turns.ts'],
  'server/sessions': [
    'schemas',
    'server/chains',
    'server/compiler',
    'server/engines/engine.ts',
    'server/engines/dtypes.ts',
    'server/stores/store.ts',
    'server/spare.ts',
    'server/turns.ts',
  ],
  'server/http': [
    'schemas',
    'server/chains/index.ts',
    'server/sessions',
    'server/engines/engine.ts',
    'server/stores/store.ts',
    'server/garbage.ts',
    'server/turns.ts',
  ],
  'server/garbage.ts': [],
  'server/spare.ts': ['server/garbage.ts'],
  'server/turns.ts': [],
  'server/ids.ts': [],
  'server/config.ts': [],
  'client/typescript': [],
  'client/generate': ['schemas', 'server/chains/index.ts'],
  'client/generate.ts': ['client/generate'],
}

test('imports go along the arrows only', () => {
  for (const [folder, allowed] of Object.entries(arrows)) {
    for (const { path, imports } of sources.filter(
      (source) => source.path === folder || folderOf(source.path) === folder,
    )) {
      for (const target of imports) {
        const fine =
          folderOf(target) === folder || allowed.some((to) => target === to || folderOf(target) === to)
        assert.ok(
          fine,
          `${path} imports ${target}: ${folder} may import ${allowed.join(', ') || 'nothing of ours'}`,
        )
      }
    }
  }
})

test('every folder of the server has its arrows', () => {
  const folders = new Set(under('server').map(({ path }) => folderOf(path)))
  const known = new Set([...Object.keys(arrows), 'server/app.ts', 'server/main.ts'])
  assert.deepEqual(
    [...folders].filter((folder) => !known.has(folder ?? '')),
    [],
  )
})

test('there are no import cycles', () => {
  const graph = new Map(sources.map(({ path, imports }) => [path, imports]))
  const done = new Set<string>()
  const visit = (path: string, trail: readonly string[]) => {
    assert.ok(!trail.includes(path), `a cycle: ${[...trail.slice(trail.indexOf(path)), path].join(' → ')}`)
    if (done.has(path)) return
    for (const next of graph.get(path) ?? []) visit(next, [...trail, path])
    done.add(path)
  }
  for (const { path } of sources) visit(path, [])
})

test('only config.ts reads the environment of the server', () => {
  const readers = under('server').filter(({ text }) => /process\.env|from 'node:process'/.test(text))
  assert.deepEqual(
    readers.map(({ path }) => path),
    // TensorFlow's own settings can be given to it in no other way: they are set there, not read.
    ['server/config.ts', 'server/engines/tensorflow/engine.ts'],
  )
})

test('only http/ knows HTTP', () => {
  const web = /^(fastify|@fastify\/.*|node:https?)$/
  const users = under('server').filter(({ packages }) => packages.some((name) => web.test(name)))
  assert.deepEqual(
    users.filter(({ path }) => !path.startsWith('server/http/')).map(({ path }) => path),
    [],
  )
})

test('only app.ts chooses implementations', () => {
  const chosen = ['server/stores/index.ts', 'server/engines/index.ts']
  const users = under('server').filter(({ imports }) => imports.some((path) => chosen.includes(path)))
  assert.deepEqual(
    users.map(({ path }) => path),
    ['server/app.ts'],
  )
})

test('the compiler and the engines hear no name of a transformation', () => {
  for (const { path, text } of [...under('server/compiler'), ...under('server/engines')])
    for (const name of catalogue.keys())
      assert.ok(!new RegExp(`['"\`]${name}['"\`]`).test(text), `${path} knows ${name}`)
})

test('the client imports no package but msgpackr', () => {
  const library = under('client/typescript').filter(({ path }) => !path.includes('/examples/'))
  assert.deepEqual([...new Set(library.flatMap(({ packages }) => packages))], ['msgpackr'])
})

test('no file that nothing imports', () => {
  const entries = [
    'server/main.ts',
    'client/generate.ts',
    'client/typescript/index.ts',
    'client/typescript/examples/browser/main.ts',
    'client/typescript/examples/browser/page.ts',
    'client/typescript/examples/mnist/main.ts',
    'load/bench/main.ts',
    'load/main.ts',
  ]
  const imported = new Set(sources.flatMap(({ imports }) => imports))
  // Programs and worker threads that are started are named as they are built.
  const started = new Set(
    sources.flatMap(({ text }) => [...text.matchAll(/\/(\w+)\.js/g)].map(([, name]) => name)),
  )
  const scripts = readFileSync(join(root, 'package.json'), 'utf8')
  const idle = sources.filter(({ path }) => {
    const program = /([\w-]+)\.ts$/.exec(path)?.[1] ?? ''
    const run =
      /^(test|load)\/|\/worker\.ts$/.test(path) &&
      (started.has(program) || scripts.includes(path.replace('.ts', '.js')))
    return !imported.has(path) && !entries.includes(path) && !path.endsWith('.test.ts') && !run
  })
  assert.deepEqual(
    idle.map(({ path }) => path),
    [],
  )
})

test('files can be read at one sitting', () => {
  const written = sources.filter(({ text }) => !text.startsWith('// Generated by `npm run generate`'))
  const long = written.flatMap(({ path, text }) => {
    const lines = text.split('\n').length
    const limit = /^server\/(transformations|optimizers)\/(?!index\.)\w+\.ts$/.test(path)
      ? 80
      : path.startsWith('test/')
        ? 600
        : 340
    return lines > limit ? [`${path}: ${lines} lines, at most ${limit}`] : []
  })
  assert.deepEqual(long, [])
})

test('a file is called as what it defines is called on the wire', () => {
  for (const folder of ['server/transformations', 'server/optimizers', 'server/expression/schedules']) {
    for (const { path, text } of under(folder)) {
      const name = /(\w+)\.ts$/.exec(path)?.[1] ?? ''
      if (path.includes('/form/') || name === 'index' || name === 'schedule') continue
      assert.ok(catalogue.has(name) && text.includes(`name: '${name}'`), `${path} does not define ${name}`)
    }
  }
})

test('every entry of the catalogue has a formula, a reference and vectors', () => {
  const proved = new Set(loadVectors().map(({ name }) => name.split('/')[0]))
  for (const { name, formula, reference } of catalogue.values()) {
    assert.ok(formula.length > 3 && reference.length > 3, name)
    assert.ok(proved.has(name), `no vectors for ${name}`)
  }
})

test('the pages name no path that is not there', () => {
  for (const page of [
    'README.md',
    'server/README.md',
    'server/deploy/README.md',
    'schemas/README.md',
    'client/typescript/README.md',
    'load/README.md',
  ]) {
    const text = readFileSync(join(root, page), 'utf8')
    for (const [, link = ''] of text.matchAll(/\]\(([^)#:]+)(?:#[^)]*)?\)/g))
      assert.ok(existsSync(join(root, dirname(page), link)), `${page} links to ${link}`)
  }
})

test('what the README gives as examples of names is in the catalogue', () => {
  const rows = [...readFileSync(join(root, 'README.md'), 'utf8').matchAll(/^ {2}\| \w+ +\| \[server.*$/gm)]
  const names = rows.flatMap(([row]) => [...row.matchAll(/`(\w+)`/g)].map(([, name = '']) => name))
  assert.ok(rows.length === 4 && names.length > 4, `${names.length} names in ${rows.length} rows`)
  assert.deepEqual(
    names.filter((name) => !catalogue.has(name)),
    [],
  )
})

test('the lock file knows the packages of every platform', () => {
  // Where a registry lacks some of them npm leaves them out, and then `npm ci` fails.
  const { packages } = JSON.parse(readFileSync(join(root, 'package-lock.json'), 'utf8')) as Lock
  const missing = Object.entries(packages).flatMap(([at, { optionalDependencies = {} }]) => {
    const near = (name: string) => [`${at}/node_modules/${name}`, `node_modules/${name}`]
    return Object.keys(optionalDependencies).filter((name) => !near(name).some((path) => path in packages))
  })
  assert.deepEqual(missing, [])
})

interface Lock {
  readonly packages: Readonly<Record<string, { readonly optionalDependencies?: Record<string, string> }>>
}
