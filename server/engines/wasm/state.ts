import type { StatePiece } from '../../compiler/plan.ts'
import type { Dtype } from '../dtypes.ts'

/** Number type in which a piece of state is kept: scalars live on the host. */
export const typeOf = ({ definition: { extent, type } }: StatePiece): Dtype => {
  if (extent !== 'element') return 'F64'
  return type === 'BF16' ? 'BF16' : 'F32'
}
