import { referenceEngine } from '../../server/engines/reference.ts'
import { testRows } from './rows.ts'

testRows('reference', referenceEngine, { dtype: 'F64', tolerance: 0 })
