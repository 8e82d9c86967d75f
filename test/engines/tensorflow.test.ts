import { tensorflowEngine } from '../../server/engines/tensorflow/engine.ts'
import { testEngine } from './conformance.ts'

const engine = await tensorflowEngine({ threads: 2 })
testEngine('tensorflow', () => engine)
