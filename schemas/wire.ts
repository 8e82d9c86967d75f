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

/** `PUT /v1/sessions/{id}` */
export const OpenRequest = Type.Object(
  {
    chain: Type.Optional(Chain),
    tensors: Type.Optional(Tensors),
    params: Type.Optional(Buffer),
    params_dtype: Type.Optional(Dtype),
    ttl_s: Type.Optional(Ttl),
    seed: Type.Optional(Type.Integer({ minimum: 0, maximum: 0xffff_ffff })),
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
  grads: Buffer,
  dtype: Type.Optional(Dtype),
  params: Type.Optional(Buffer),
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
    schema_hash: Type.Optional(Type.String()),
  },
  closed,
)
export type StepRequest = Static<typeof StepRequest>

export const Stats = Numbers

const computed = {
  updates: Type.Optional(Buffer),
  params: Type.Optional(Buffer),
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
export const ParamsQuery = Type.Object({ dtype: Type.Optional(Dtype) }, closed)

/** A problem as RFC 9457 has it, and `code`, by which a program tells problems apart. */
export const ProblemReply = Type.Object({
  type: Type.String(),
  title: Type.String(),
  status: Type.Integer(),
  detail: Type.String(),
  code: Type.String(),
})
