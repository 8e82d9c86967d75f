import type { SessionReply } from '../../schemas/index.ts'
import type { StoredSession } from '../stores/store.ts'
import type { Live } from './live.ts'
import { type Spec, schemaHash } from './spec.ts'

/** Who makes a step; how they do it only where there are several. */
const sharing = ({ workers, aggregate, quorum, deadline_ms, staleness }: Spec) => ({
  workers,
  ...(workers > 1 ? { aggregate } : {}),
  ...(quorum === undefined ? {} : { quorum }),
  ...(deadline_ms === undefined ? {} : { deadline_ms }),
  ...(workers === 0 ? { staleness } : {}),
})

/** A session as its clients see it. */
export function describe(stored: StoredSession, live: Live): SessionReply {
  const { key, spec, program, options, at } = live
  const { plan, needs } = program
  const paths = [...plan.options.keys()]
  return {
    id: key.slice(key.indexOf('/') + 1),
    step: at.step,
    chain: spec.chain,
    schema_hash: schemaHash(spec.tensors),
    tensors: [...spec.tensors],
    needs: { params: needs.parameters, value: needs.loss },
    params: spec.keeps ? 'server' : needs.parameters ? 'client' : 'none',
    hyperparams: Object.fromEntries(paths.map((path, i) => [path, options[i] ?? Number.NaN])),
    state_bytes: live.stateBytes,
    ...sharing(spec),
    ttl_s: stored.ttl / 1000,
    created: new Date(stored.created).toISOString(),
    expires_at: new Date(stored.expires).toISOString(),
    exact_from: live.exactFrom,
  }
}
