import { sizeOf } from '../../../compiler/plan.ts'
import { Code, encodeModule } from '../encoder.ts'
import { noted, type RunRoutine, split } from './bench.ts'

const [block, begin, end] = [0, 1, 2] as const

/** Calls the host for each number: it draws in float64. The block holds the key's words and an address. */
function writeNormal(): Uint8Array<ArrayBuffer> {
  const code = new Code(4)
  const index = code.local('i32')
  code.get(begin).set(index)
  code.while(
    () => code.get(index, end).op('i32_lt_u'),
    () => {
      code.get(block).memory('i32_load', 8).get(index).i32(2).op('i32_shl', 'i32_add')
      for (const word of [0, 4]) code.get(block).memory('i32_load', word)
      code.get(index).call(0).op('f32_demote_f64').memory('f32_store')
      code.get(index).i32(1).op('i32_add').set(index)
    },
  )
  return encodeModule(code, 4, [{ name: 'normal', parameters: ['i32', 'i32', 'i32'], result: 'f64' }])
}

const bytes = writeNormal()
const each = 4096
/** Drawing a number takes as long as a pass over so many elements. */
const cost = 32

export const normal: RunRoutine<unknown> = (bench, _routine, [key0 = 0, key1 = 0], to, tensor) => {
  const size = sizeOf(tensor)
  const tasks = split(noted(bench, [key0, key1, to]), size, each)
  return bench.run(bench.compile(bytes), tasks, cost * size)
}
