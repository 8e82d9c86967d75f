import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { pathToFileURL } from 'node:url'
import { promisify } from 'node:util'
import { inFolder } from '../app.ts'
import { ServerProcess } from '../process.ts'

const root = join(import.meta.dirname, '..', '..', '..')
const page = readFileSync(join(root, 'client/typescript/README.md'), 'utf8')
const client = pathToFileURL(join(import.meta.dirname, '../../client/typescript/index.js')).href

/** The examples that stand alone, by the session that each opens. */
const examples = new Map(
  [...page.matchAll(/```ts\n(import [\s\S]*?)```/g)].map(([, code = '']) => [
    /'(readme-[\w-]+)'/.exec(code)?.[1] ?? 'none',
    code,
  ]),
)

let server: ServerProcess
before(async () => {
  server = await ServerProcess.start({ STEPD_STORE: 'memory:' })
})
after(() => server.stop())

/** Run an example of the page as a program of its own; what it printed. */
const run = (name: string): Promise<string> =>
  inFolder(async (folder) => {
    const code = examples.get(name)
    assert.ok(code !== undefined, `the page has no example of ${name}`)
    const file = join(folder, 'main.mjs')
    await writeFile(file, code.replace("'stepd'", `'${client}'`).replace('http://127.0.0.1:8080', server.url))
    return (await promisify(execFile)(process.execPath, [file])).stdout
  })

test('every example of the page is tried here', () => {
  const tried = [
    'readme-client',
    'none',
    'readme-client-rows',
    'readme-client-resumable',
    'readme-client-workers',
  ]
  assert.deepEqual([...examples.keys()], tried)
})

test('the first one goes downhill', async () => {
  const norms = [...(await run('readme-client')).matchAll(/^\d+ ([\d.]+)$/gm)].map(([, norm]) => Number(norm))
  assert.equal(norms.length, 4)
  assert.ok((norms.at(-1) ?? 1) < 0.1 * (norms[0] ?? 0), `norms ${norms}`)
})

test('names are functions', async () => {
  assert.equal(await run('none'), '')
})

test('rows of embeddings move alone', async () => {
  // adagrad(0.1) begins with an accumulator of 0.1.
  const move = (grad: number): number => Math.fround((-0.1 * grad) / Math.sqrt(0.1 + grad * grad))
  const printed = await run('readme-client-rows')
  const [, a = '', b = ''] = /\[([^\]]+)\][\s\S]*\[([^\]]+)\]/.exec(printed) ?? []
  const found = [a, b].flatMap((row) => row.split(',').map(Number))
  for (const [i, grad] of [1, -1, 0.5, 2].entries())
    assert.ok(Math.abs((found[i] ?? 0) - move(grad)) < 1e-6, `${found}, expected ${move(grad)} at ${i}`)
})

test('a run goes on where it was', async () => {
  const printed = await run('readme-client-resumable')
  assert.match(printed, /from step 0 [\s\S]*to step 200 /)
  const numbers =
    /to step 200 Float32Array\(6\) \[([^\]]+)\]/.exec(printed)?.[1]?.split(',').map(Number) ?? []
  assert.equal(numbers.length, 6)
  for (const [k, p] of numbers.entries()) assert.ok(Math.abs(p - k / 10) < 0.02, `${numbers}`)
})

test('workers get the same updates', async () => {
  const printed = await run('readme-client-workers')
  const [a, b] = ['a', 'b'].map(
    (worker) => new RegExp(`^${worker} (Float32Array[\\s\\S]*?\\])`, 'm').exec(printed)?.[1],
  )
  assert.ok(a !== undefined && a === b, printed)
})
