import type { Head, Known, NewEntry, OpenRound } from './store.ts'

/** An open round as it is kept: when the first member came, by the store's clock. */
export interface KeptRound {
  readonly members: number
  readonly opened: number
}

/** What is known of the member that an entry is from, before the entry. */
export interface Members {
  /** Digest of what the member gave to the round of a step: the open one, or that of the latest step. */
  inRound(step: number, member: string): string | undefined
  /** The last that was taken from the member. */
  last(member: string): Known | undefined
  /** How many have given anything, beside rounds. */
  count(): number
}

export type Verdict =
  | { readonly status: 'refused'; readonly known?: Known }
  | { readonly status: 'crowded' }
  /** To be taken: whether it makes a step, and the round that is open then. */
  | { readonly status: 'taken'; readonly advances: boolean; readonly round?: KeptRound }

const refused = { status: 'refused' } as const

/**
 * Whether a session takes an entry: decided in one place for the stores that decide in this process. `append.lua` says
 * the same in Redis.
 */
export function judge(
  { after, atMost, advance, round, once }: NewEntry,
  { step }: Head,
  open: KeptRound | undefined,
  members: Members,
  now: number,
): Verdict {
  if (once !== undefined) {
    const known = members.last(once.member)
    if (known !== undefined && once.seq <= known.seq) return { status: 'refused', known }
    if (known === undefined && members.count() >= once.most) return { status: 'crowded' }
  }
  if (round !== undefined && 'member' in round && after !== undefined) {
    const digest = members.inRound(after + 1, round.member)
    if (digest !== undefined) return { status: 'refused', known: { seq: after + 1, digest } }
  }
  if ((after !== undefined && after !== step) || (atMost !== undefined && step > atMost)) return refused
  if (round === undefined) {
    const advances = advance !== undefined
    return { status: 'taken', advances, ...(advances || open === undefined ? {} : { round: open }) }
  }
  if ('member' in round) {
    const next = { members: (open?.members ?? 0) + 1, opened: open?.opened ?? now }
    return next.members >= round.full
      ? { status: 'taken', advances: true }
      : { status: 'taken', advances: false, round: next }
  }
  const due = open !== undefined && open.members >= round.least && now - open.opened >= round.age
  return due ? { status: 'taken', advances: true } : refused
}

export const openRound = (round: KeptRound | undefined, now: number): { readonly round?: OpenRound } =>
  round === undefined ? {} : { round: { members: round.members, age: Math.max(0, now - round.opened) } }
