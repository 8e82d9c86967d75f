import { referenceEngine } from '../../server/engines/reference.ts'
import { wasmEngine } from '../../server/engines/wasm/engine.ts'
import { testRows } from './rows.ts'

testRows('reference', referenceEngine, { dtype: 'F64', tolerance: 0 })
testRows('wasm', () => wasmEngine({ threads: 2 }), { dtype: 'F32', tolerance: 2e-6 })
