import { after } from 'node:test'
import { wasmEngine } from '../../server/engines/wasm/engine.ts'
import { testFloat32 } from './float32.ts'

const engine = wasmEngine({ threads: 1 })
after(() => engine.close())
testFloat32(engine)
