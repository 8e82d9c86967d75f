import type { Expr, Value } from '../../expression/index.ts'

/** Steps since the last whole number of periods: count mod period. */
export const since = (count: Expr, period: Value): Expr => count.sub(count.div(period).floor().mul(period))
