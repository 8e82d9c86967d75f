import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { inFolder } from './app.ts'

const demo = fileURLToPath(new URL('../client/typescript/examples/mnist/main.js', import.meta.url))

// The short form of `npm run demo`: the same program on large batches, so that an epoch is few steps.
test('the demo trains on MNIST through a server of its own', async () => {
  await inFolder(async (folder) => {
    const out = join(folder, 'loss.svg')
    const args = [demo, '--json', '--epochs', '1', '--batch', '3000', '--out', out]
    const { stdout } = await promisify(execFile)(process.execPath, args, { timeout: 240_000 })
    const summary = JSON.parse(stdout)
    assert.equal(summary.steps, 20)
    assert.ok(summary.accuracy > 0.5, `accuracy ${summary.accuracy}`)
    assert.ok(summary.distance <= 1e-5, `distance ${summary.distance}`)
    assert.match(await readFile(out, 'utf8'), /^<svg[\s\S]*<\/svg>\s*$/)
  })
})
