import type { Appended, Head, NewEntry } from '../store.ts'

/** A session as it was in Redis when this process last wrote it. */
export interface KnownHead {
  /** The whole of it, as `common.lua` says. */
  readonly text: string
  /** All that an entry of one's own leaves as it is. */
  readonly lasting: string
  readonly incarnation: string
  readonly ttl: string
  readonly lasts: string
  /** Whether the latest guess held and led here: where others step the session too, guesses fail. */
  readonly steady: boolean
  /** Whether no round is open: what is appended is then decided by the head alone. */
  readonly alone: boolean
  readonly head: Head
}

/** How many fields an entry leaves as they are. */
const LASTING = 11

/** Beyond so many sessions all are forgotten: some 10 MiB. */
const MOST = 10_000

/** The next head of a session, and what `follow.lua` is to be told of it. */
export interface Followed {
  readonly next: KnownHead
  readonly appended: Appended
  readonly steady: boolean
  readonly args: readonly [now: string, next: string, reference: string, lasts: string, ttl: string]
}

/** What is known of the heads of sessions: a guess only, and Redis says whether it holds. */
export class Heads {
  readonly #known = new Map<string, KnownHead>()

  note(key: string, head: KnownHead): void {
    if (this.#known.size >= MOST && !this.#known.has(key)) this.#known.clear()
    this.#known.set(key, head)
  }

  /** A guess did not hold: nothing is known until Redis says where it is. */
  forget(key: string): void {
    this.#known.delete(key)
  }

  /** A guess held. What was told meanwhile, of a snapshot, may be of before or after it. */
  held(key: string, { next, args: [now] }: Followed): void {
    if (this.#known.get(key)?.text === now) this.note(key, next)
    else this.forget(key)
  }

  /** Note it as Redis tells it, if it does. */
  read(key: string, text: string): void {
    if (text === '') return
    const fields = text.split(' ')
    const [, incarnation = '', , ttl = '', lasts = '', , , members] = fields
    const [seq, id = '', step, ...digest] = fields.slice(LASTING)
    const known = this.#known.get(key)
    this.note(key, {
      // One that is told of a snapshot only is the same entry's.
      steady: known?.head.id === id && known.steady,
      text,
      lasting: fields.slice(0, LASTING).join(' '),
      incarnation,
      ttl,
      lasts,
      alone: members === '0',
      head: { seq: Number(seq), id, step: Number(step), digest: digest.join(' ') },
    })
  }

  /** What an entry makes of a session, if it is where it was; undefined where more is to be looked at. */
  follow(
    key: string,
    { id, incarnation, after, atMost, advance, round, once, restores }: NewEntry,
  ): Followed | undefined {
    const known = this.#known.get(key)
    if (known?.incarnation !== incarnation || !known.alone) return undefined
    if ((round ?? once ?? restores) !== undefined) return undefined
    const { head, lasting, lasts, ttl, steady } = known
    if (head.id === id || (after ?? head.step) !== head.step || head.step > (atMost ?? head.step))
      return undefined
    const seq = head.seq + 1
    const step = advance === undefined ? head.step : head.step + 1
    const digest = advance === undefined ? head.digest : advance.digest
    const text = `${lasting} ${seq} ${id} ${step} ${digest}`
    const reference = `${id}:0:${seq}:${step}:${head.id}:${digest}`
    const next = { ...known, steady: true, text, head: { seq, id, step, digest } }
    return {
      next,
      appended: { status: 'appended', previous: head.id, head: next.head },
      steady,
      args: [known.text, text, reference, lasts, ttl],
    }
  }
}
