import { REFERENCE_CHAIN } from './reference.ts'

export const USAGE = `Train a small network on MNIST through a stepd server.

  npm run demo -- [options]

  --url URL        a running server (default: one is started, and stopped at the end)
  --store STORE    of the server that is started (default: embedded, in a temporary folder)
  --engine ENGINE  of the server that is started: auto, wasm or reference (default: auto)
  --chain CHAIN    (default: ${REFERENCE_CHAIN},
                   which is compared with TensorFlow.js's own Adam; with another the comparison is left out)
  --epochs N       (default: 2)
  --batch N        (default: 100)
  --out FILE       where the loss curve goes (default: loss.svg)
  --json           print one JSON object instead of text
  --help

A quick run:     npm run demo -- --batch 2000 --epochs 1
Pure JSON:       npm run --silent demo -- --json`
