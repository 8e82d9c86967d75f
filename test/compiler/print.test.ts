import assert from 'node:assert/strict'
import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { readChain, record } from '../../server/chains/index.ts'
import { compile } from '../../server/compiler/compile.ts'
import { printPlan } from '../../server/compiler/print.ts'

const folder = join(dirname(fileURLToPath(import.meta.url)), '../../../test/compiler/plans')
const tensors = [
  { name: 'bias', shape: [5], rank: 1 },
  { name: 'kernel', shape: [3, 5], rank: 2 },
]

/** The plans of the main chains as they were read and found right. UPDATE_PLANS=1 writes them anew, to be read again. */
const chains = {
  sgd: 'sgd(0.1)',
  momentum: 'sgd(0.1, momentum=0.9)',
  adam: 'adam(1e-3)',
  adamw: 'adamw(warmup_cosine_decay_schedule(0, 1e-3, 10, 100))',
  rmsprop: 'rmsprop(1e-3)',
  clip_by_global_norm_adam: 'chain(clip_by_global_norm(1.0), adam(1e-3))',
  adafactor: 'adafactor(1e-2, min_dim_size_to_factor=3)',
  sm3: 'sm3(0.1)',
  muon: 'muon(1e-2)',
  galore: 'galore(1e-2, 2, 200)',
  noisy_sgd: 'noisy_sgd(0.1, key=1)',
  centralize_adaptive_grad_clip: 'chain(centralize(), adaptive_grad_clip(0.1))',
  clip_centralize_adam: 'chain(clip(1.0), centralize(), adam(1e-3))',
}

for (const [name, chain] of Object.entries(chains)) {
  test(`the plan of ${chain}`, () => {
    const text = printPlan(compile(record(readChain(chain), tensors, { keep: false, stats: false })))
    const file = join(folder, `${name}.txt`)
    if (process.env.UPDATE_PLANS === '1') writeFileSync(file, `${chain}\n\n${text}`)
    assert.ok(existsSync(file), `${file} is missing: UPDATE_PLANS=1 writes it`)
    assert.equal(`${chain}\n\n${text}`, readFileSync(file, 'utf8'))
  })
}
