import { Problem } from '../../schemas/index.ts'

export interface AdmissionLimits {
  /** Bytes of bodies and answers that may be in memory at a time. */
  readonly bytes: number
  /** Requests that may be under way at a time. */
  readonly requests: number
  /** The part of both that one tenant may take. */
  readonly share: number
}

interface Under {
  bytes: number
  requests: number
}

/** Requests under way and what they hold in memory: bounded in all, and for each tenant. */
export class Admission {
  readonly #limits: AdmissionLimits
  readonly #all: Under = { bytes: 0, requests: 0 }
  /** All that were ever seen: no more than have had a key. */
  readonly #tenants = new Map<string, Under>()

  constructor(limits: AdmissionLimits) {
    this.#limits = limits
  }

  get bytes(): number {
    return this.#all.bytes
  }

  get requests(): number {
    return this.#all.requests
  }

  /** @throws Problem `overloaded` */
  enter(tenant: string): Load {
    const own = this.#tenants.get(tenant) ?? this.#first(tenant)
    const { requests, share } = this.#limits
    if (this.#all.requests >= requests) throw tooMany('', this.#all.requests, requests)
    const most = Math.ceil(requests * share)
    if (own.requests >= most) throw tooMany(' of this tenant', own.requests, most)
    own.requests++
    this.#all.requests++
    return new Load(this, own)
  }

  #first(tenant: string): Under {
    const own = { bytes: 0, requests: 0 }
    this.#tenants.set(tenant, own)
    return own
  }

  /** A request of a tenant holds so many bytes more, or fewer. */
  hold(own: Under, bytes: number): void {
    own.bytes += bytes
    this.#all.bytes += bytes
  }

  leave(own: Under): void {
    own.requests--
    this.#all.requests--
  }

  /** Alone, a body is always let in: its own limit is that of bodies. @throws Problem `overloaded` */
  admit(own: Under, bytes: number): void {
    const { bytes: limit, share } = this.#limits
    if (this.#all.bytes > 0 && this.#all.bytes + bytes > limit)
      throw tooLarge('', this.#all.bytes, bytes, limit)
    const most = limit * share
    if (own.bytes > 0 && own.bytes + bytes > most) throw tooLarge(' of this tenant', own.bytes, bytes, most)
  }
}

/** What one request holds. */
export class Load {
  readonly #admission: Admission
  readonly #own: Under
  #bytes = 0
  #left = false

  constructor(admission: Admission, own: Under) {
    this.#admission = admission
    this.#own = own
  }

  /** Whether its answer has gone, or its client: nothing gives back what it took after that. */
  get left(): boolean {
    return this.#left
  }

  /** About to be held. @throws Problem `overloaded` */
  take(bytes: number): void {
    this.#admission.admit(this.#own, bytes)
    this.add(bytes)
  }

  /** Held already: others wait for it. */
  add(bytes: number): void {
    if (this.#left) return
    this.#bytes += bytes
    this.#admission.hold(this.#own, bytes)
  }

  release(): void {
    if (this.#left) return
    this.#admission.hold(this.#own, -this.#bytes)
    this.#left = true
    this.#admission.leave(this.#own)
  }
}

const tooMany = (whose: string, found: number, most: number) =>
  new Problem('overloaded', `${found} requests${whose} are under way, at most ${most} may be`, {
    retry_after: 1,
  })

const tooLarge = (whose: string, held: number, bytes: number, most: number) =>
  new Problem(
    'overloaded',
    `${held} bytes of requests${whose} are in memory, and with ${bytes} more there would be over ${Math.floor(most)}`,
    { retry_after: 1 },
  )
