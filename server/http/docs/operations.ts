import Type, { type TSchema } from 'typebox'
import {
  ApplyReply,
  ChainReply,
  ChainsReply,
  HistoryReply,
  ReadyReply,
  SessionReply,
  SessionsReply,
  StepReply,
  TransformationsReply,
} from '../../../schemas/index.ts'

/** What a request or an answer is written as. */
export type Form = 'plain' | 'json' | 'tensors' | 'file' | 'text' | 'none'

/** What the page says of an operation beside what its own schema says. */
export interface Operation {
  readonly summary: string
  readonly tag: 'sessions' | 'steps' | 'state' | 'chains' | 'server'
  readonly takes?: Form
  readonly gives: Form
  /** Absent where it gives nothing that has a schema. */
  readonly reply?: TSchema
  /** The status of success, where it is not 200. */
  readonly also?: 201
}

const Nothing = { tag: 'state', gives: 'none' } as const
const DescribedReply = Type.Intersect([SessionReply, Type.Object({ plan: Type.Optional(Type.String()) })])

/** Every operation by its method and route. */
export const operations: Readonly<Record<string, Operation>> = {
  'PUT /v1/sessions/:id': {
    summary: 'Open a session: make it, or attach to the one that is there',
    tag: 'sessions',
    takes: 'plain',
    gives: 'plain',
    reply: SessionReply,
    also: 201,
  },
  'GET /v1/sessions/:id': {
    summary: 'Describe a session; with plan=1 also what runs in a step',
    tag: 'sessions',
    gives: 'plain',
    reply: DescribedReply,
  },
  'PATCH /v1/sessions/:id': {
    summary: 'Change hyperparams for later steps, or the time to live',
    tag: 'sessions',
    takes: 'plain',
    gives: 'plain',
    reply: SessionReply,
  },
  'DELETE /v1/sessions/:id': { ...Nothing, summary: 'Forget a session', tag: 'sessions' },
  'GET /v1/sessions': { summary: 'List sessions', tag: 'sessions', gives: 'plain', reply: SessionsReply },
  'POST /v1/sessions/:id/steps': {
    summary: 'Take a step: gradients in, updates out. Sent again under its number it is not taken twice',
    tag: 'steps',
    takes: 'tensors',
    gives: 'tensors',
    reply: StepReply,
  },
  'POST /v1/apply': {
    summary: 'One step from fresh state, of which nothing is kept',
    tag: 'steps',
    takes: 'tensors',
    gives: 'tensors',
    reply: ApplyReply,
  },
  'GET /v1/sessions/:id/params': {
    summary: 'The parameters that the server keeps, as a safetensors file',
    tag: 'state',
    gives: 'file',
  },
  'GET /v1/sessions/:id/state': {
    summary: 'All state of a session, as a safetensors file',
    tag: 'state',
    gives: 'file',
  },
  'PUT /v1/sessions/:id/state': {
    summary: 'Put such a file in place of what is there, or make a session of it',
    tag: 'state',
    takes: 'file',
    gives: 'plain',
    reply: SessionReply,
    also: 201,
  },
  'POST /v1/sessions/:id/fork': {
    summary: 'Copy a session at its present step',
    tag: 'state',
    takes: 'plain',
    gives: 'plain',
    reply: SessionReply,
    also: 201,
  },
  'GET /v1/sessions/:id/history': {
    summary: 'What happened to a session, as far back as is kept',
    tag: 'state',
    gives: 'plain',
    reply: HistoryReply,
  },
  'PUT /v1/chains/:name': {
    summary: 'Register a chain under a name',
    tag: 'chains',
    takes: 'plain',
    gives: 'plain',
    reply: ChainReply,
  },
  'GET /v1/chains/:name': {
    summary: 'What a name stands for',
    tag: 'chains',
    gives: 'plain',
    reply: ChainReply,
  },
  'DELETE /v1/chains/:name': { ...Nothing, summary: 'Forget a registered chain', tag: 'chains' },
  'GET /v1/chains': { summary: 'List registered chains', tag: 'chains', gives: 'plain', reply: ChainsReply },
  'GET /v1/transformations': {
    summary: 'The catalogue: everything that a chain may call',
    tag: 'chains',
    gives: 'plain',
    reply: TransformationsReply,
  },
  'GET /healthz': {
    summary: 'The process answers',
    tag: 'server',
    gives: 'json',
    reply: Type.Object({ status: Type.String() }),
  },
  'GET /readyz': { summary: 'So does the store', tag: 'server', gives: 'json', reply: ReadyReply },
  'GET /metrics': { summary: 'Metrics for Prometheus, for operators', tag: 'server', gives: 'text' },
}
