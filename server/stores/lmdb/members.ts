import type { Members } from '../rounds.ts'
import type { Known, NewEntry } from '../store.ts'
import { lastKey, memberKey, roundKey, roundsKey } from './keys.ts'
import type { LmdbMedium } from './medium.ts'
import type { Session } from './sessions.ts'

/** What was taken from the members of sessions. */
export class MemberTable {
  readonly #medium: LmdbMedium

  constructor(medium: LmdbMedium) {
    this.#medium = medium
  }

  of({ incarnation, members = 0 }: Session): Members {
    return {
      inRound: (step, member) => this.#text(memberKey(incarnation, step, member)),
      last: (member) => this.#last(incarnation, member),
      count: () => members,
    }
  }

  #text(key: string): string | undefined {
    const bytes = this.#medium.members.get(key)
    return bytes && Buffer.from(bytes).toString()
  }

  #last(incarnation: string, member: string): Known | undefined {
    const [seq, digest = ''] = this.#text(lastKey(incarnation, member))?.split(' ') ?? []
    return seq === undefined ? undefined : { seq: Number(seq), digest }
  }

  /** Within a transaction: note whom the entry is from. Returns how many the session has, beside rounds. */
  take(session: Session, { advance, round, once, restores }: NewEntry, advances: boolean): number {
    const { incarnation, step, members = 0 } = session
    // Numbers of steps may come again after it.
    if (restores !== undefined) this.#medium.removeUnder(this.#medium.members, roundsKey(incarnation))
    const digest = advance?.digest ?? ''
    if (round !== undefined && 'member' in round) {
      this.#medium.members.put(memberKey(incarnation, step + 1, round.member), Buffer.from(digest))
    }
    // The round of what is the latest step until now is asked for no more.
    if (round !== undefined && advances) {
      this.#medium.removeUnder(this.#medium.members, roundKey(incarnation, step))
    }
    if (once === undefined) return members
    const key = lastKey(incarnation, once.member)
    const added = this.#medium.members.get(key) === undefined ? 1 : 0
    this.#medium.members.put(key, Buffer.from(`${once.seq} ${digest}`))
    return members + added
  }
}
