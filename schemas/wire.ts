import Type, { type Static } from 'typebox'

/**
 * Everything on the wire, as JSON Schema. A `bin` of msgpack is `{ bin: true }`: a keyword of ours, which the
 * server's validator knows.
 */
const Bin = Type.Unsafe<Uint8Array>({ bin: true })

const closed = { additionalProperties: false } as const

/** Number types of tensors, by their safetensors names; F64 on the reference engine only. */
export const Dtype = Type.Enum(['F32', 'BF16', 'F16', 'F64'])
export type Dtype = Static<typeof Dtype>

/** All tensors back to back, or one `bin` a name. */
const NamedBins = Type.Unsafe<Record<string, Uint8Array>>({
  type: 'object',
  additionalProperties: { bin: true },
})
export const Buffer = Type.Union([Bin, NamedBins])
export type Buffer = Static<typeof Buffer>

/**
 * Some rows of a tensor: their numbers, I32, each once and in any order, and their elements in the same order. A row is
 * what lies at one place of the first axis.
 */
export const RowsBin = Type.Object({ rows: Bin, data: Bin }, closed)
export type RowsBin = Static<typeof RowsBin>

/** A buffer that of some tensors may hold certain rows only: then it is a named one. */
const NamedParts = Type.Unsafe<Record<string, Uint8Array | RowsBin>>({
  type: 'object',
  additionalProperties: {
    anyOf: [{ bin: true }, RowsBin],
    description: 'bytes: a msgpack bin, or {rows, data}, both of them bins',
  },
})
export const RowsBuffer = Type.Union([Bin, NamedParts])
export type RowsBuffer = Static<typeof RowsBuffer>

export const TensorSpec = Type.Object(
  {
    name: Type.String({ minLength: 1, maxLength: 1024 }),
    shape: Type.Array(Type.Integer({ minimum: 1, maximum: 2 ** 40 }), { maxItems: 16 }),
  },
  closed,
)
export type TensorSpec = Static<typeof TensorSpec>
const Tensors = Type.Array(TensorSpec, { minItems: 1, maxItems: 100_000 })

/** Expression text, a tree `{name, args}`, or the name of a registered chain; `chains/` reads it. */
const Chain = Type.Unsafe<string | Record<string, unknown>>({
  type: ['string', 'object'],
  description: 'an expression, a tree {name, args}, or the name of a registered chain',
})

export const SessionId = Type.String({
  pattern: '^(?!\\.{1,2}$)[A-Za-z0-9._~-]{1,128}$',
  description: '1 to 128 of A-Z a-z 0-9 . _ ~ -, and not . or ..',
})
const Ttl = Type.Integer({ minimum: 1, maximum: 315_360_000 })
const Numbers = Type.Unsafe<Record<string, number>>({
  type: 'object',
  additionalProperties: { type: 'number' },
})
const Hyperparams = Numbers

const Aggregate = Type.Enum(['mean', 'sum'])
const Staleness = Type.String({
  pattern: '^(none|inverse|reject:(0|[1-9][0-9]{0,8}))$',
  description: 'none, inverse, or reject:<n>',
})

/** `PUT /v1/sessions/{id}` */
export const OpenRequest = Type.Object(
  {
    chain: Type.Optional(Chain),
    tensors: Type.Optional(Tensors),
    params: Type.Optional(Buffer),
    params_dtype: Type.Optional(Dtype),
    ttl_s: Type.Optional(Ttl),
    seed: Type.Optional(Type.Integer({ minimum: 0, maximum: 0xffff_ffff })),
    workers: Type.Optional(Type.Integer({ minimum: 0, maximum: 1024 })),
    aggregate: Type.Optional(Aggregate),
    quorum: Type.Optional(Type.Integer({ minimum: 1, maximum: 1024 })),
    deadline_ms: Type.Optional(Type.Integer({ minimum: 1, maximum: 86_400_000 })),
    staleness: Type.Optional(Staleness),
  },
  closed,
)
export type OpenRequest = Static<typeof OpenRequest>

export const SessionReply = Type.Object({
  id: Type.String(),
  step: Type.Integer(),
  chain: Type.String(),
  schema_hash: Type.String(),
  tensors: Tensors,
  needs: Type.Object({ params: Type.Boolean(), value: Type.Boolean() }),
  params: Type.Enum(['none', 'client', 'server']),
  hyperparams: Hyperparams,
  state_bytes: Type.Integer(),
  workers: Type.Integer(),
  aggregate: Type.Optional(Aggregate),
  quorum: Type.Optional(Type.Integer()),
  deadline_ms: Type.Optional(Type.Integer()),
  staleness: Type.Optional(Staleness),
  ttl_s: Type.Integer(),
  created: Type.String(),
  expires_at: Type.String(),
  exact_from: Type.Integer(),
})
export type SessionReply = Static<typeof SessionReply>

/** `PATCH /v1/sessions/{id}` */
export const ChangeRequest = Type.Object(
  { hyperparams: Type.Optional(Hyperparams), ttl_s: Type.Optional(Ttl) },
  closed,
)

export const Want = Type.Object(
  {
    dtype: Type.Optional(Dtype),
    of: Type.Optional(Type.Enum(['updates', 'params'])),
    stats: Type.Optional(Type.Boolean()),
  },
  closed,
)

const gradients = {
  grads: RowsBuffer,
  dtype: Type.Optional(Dtype),
  params: Type.Optional(RowsBuffer),
  params_dtype: Type.Optional(Dtype),
  value: Type.Optional(Type.Number()),
  want: Type.Optional(Want),
}

/** `POST /v1/sessions/{id}/steps` */
export const StepRequest = Type.Object(
  {
    step: Type.Optional(Type.Integer({ minimum: 1 })),
    ...gradients,
    hyperparams: Type.Optional(Hyperparams),
    worker: Type.Optional(Type.String({ minLength: 1, maxLength: 128 })),
    seq: Type.Optional(Type.Integer({ minimum: 0, maximum: Number.MAX_SAFE_INTEGER })),
    base: Type.Optional(Type.Integer({ minimum: 0, maximum: Number.MAX_SAFE_INTEGER })),
    weight: Type.Optional(Type.Number({ minimum: 1e-9, maximum: 1e9 })),
    wait_ms: Type.Optional(Type.Integer({ minimum: 0, maximum: 300_000 })),
    schema_hash: Type.Optional(Type.String()),
  },
  closed,
)
export type StepRequest = Static<typeof StepRequest>

export const Stats = Numbers

const computed = {
  updates: Type.Optional(RowsBuffer),
  params: Type.Optional(RowsBuffer),
  stats: Type.Optional(Stats),
}
export const StepReply = Type.Object({
  step: Type.Integer(),
  replayed: Type.Boolean(),
  counted: Type.Boolean(),
  ...computed,
})
export type StepReply = Static<typeof StepReply>

/** `POST /v1/apply` */
export const ApplyRequest = Type.Object({ chain: Chain, tensors: Tensors, ...gradients }, closed)
export type ApplyRequest = Static<typeof ApplyRequest>
export const ApplyReply = Type.Object(computed)

/** `PUT /v1/chains/{name}` */
export const RegisterRequest = Type.Object({ chain: Chain }, closed)
export const ChainReply = Type.Object({ name: Type.String(), chain: Type.String() })

/** Query of every list. Numbers are text in a query. */
export const ListQuery = Type.Object(
  {
    prefix: Type.Optional(Type.String({ maxLength: 128 })),
    cursor: Type.Optional(Type.String({ maxLength: 1024 })),
    limit: Type.Optional(
      Type.String({ pattern: '^[1-9][0-9]{0,3}$', description: 'a number from 1 to 9999' }),
    ),
  },
  closed,
)

/** `GET /v1/sessions/{id}` */
export const DescribeQuery = Type.Object({ plan: Type.Optional(Type.Enum(['0', '1'])) }, closed)

/** `GET /v1/sessions/{id}/params` */
export const ParamsQuery = Type.Object(
  { dtype: Type.Optional(Dtype), of: Type.Optional(Type.Enum(['params', 'eval'])) },
  closed,
)

/** `POST /v1/sessions/{id}/fork` */
export const ForkRequest = Type.Object({ id: SessionId }, closed)

/** `GET /v1/sessions/{id}/history` */
export const HistoryQuery = Type.Object(
  {
    since: Type.Optional(
      Type.String({
        pattern: '^(0|[1-9][0-9]{0,15})$',
        description: 'the seq of something that happened, or 0',
      }),
    ),
  },
  closed,
)
export const HistoryReply = Type.Object({
  step: Type.Integer(),
  begins: Type.Integer(),
  happened: Type.Array(
    Type.Object({
      seq: Type.Integer(),
      step: Type.Integer(),
      kind: Type.Enum(['params', 'hyperparams', 'step', 'state']),
      hyperparams: Type.Optional(Hyperparams),
      value: Type.Optional(Type.Number()),
      workers: Type.Optional(Type.Integer()),
      stats: Type.Optional(Stats),
    }),
  ),
})

/** `GET /v1/sessions` */
export const SessionsReply = Type.Object({
  sessions: Type.Array(Type.Object({ id: Type.String() })),
  cursor: Type.Optional(Type.String()),
})

/** `GET /v1/chains` */
export const ChainsReply = Type.Object({
  chains: Type.Array(Type.Object({ name: Type.String() })),
  cursor: Type.Optional(Type.String()),
})

/** `GET /v1/transformations` */
export const TransformationsReply = Type.Object({
  transformations: Type.Array(
    Type.Object({
      name: Type.String(),
      kind: Type.Enum(['transformation', 'optimizer', 'schedule', 'condition']),
      formula: Type.String(),
      reference: Type.String(),
      options: Type.Array(
        Type.Object({
          name: Type.String(),
          type: Type.String(),
          required: Type.Boolean(),
          keyword_only: Type.Boolean(),
          default: Type.Optional(Type.Unknown()),
        }),
      ),
    }),
  ),
  unavailable: Type.Array(Type.Object({ name: Type.String() })),
})

/** `GET /readyz` */
export const ReadyReply = Type.Object({
  status: Type.String(),
  store: Type.String(),
  engine: Type.String(),
  numerics: Type.String(),
})

/** A problem as RFC 9457 has it, and `code`, by which a program tells problems apart. */
export const ProblemReply = Type.Object({
  type: Type.String(),
  title: Type.String(),
  status: Type.Integer(),
  detail: Type.String(),
  code: Type.String(),
})
