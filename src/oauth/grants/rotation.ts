/**
 * What happens to a presented refresh token: a pure decision over what the database holds (OAuth 2.1 §4.3.1).
 *
 * Strict by default: a retired token shown again means that two parties hold the chain, so the session is compromised.
 * With a grace, an honest client whose answer was lost gets the same answer again: within the grace, or, for the
 * direct predecessor of a successor that nobody has used yet, within a day.
 */

/** A phone that slept through its answer wakes within this time. */
const UNUSED_SUCCESSOR_WINDOW_SECONDS = 86_400
/** More repeats of one token than any honest client makes. */
const MOST_REPLAYS = 100

export type SessionStatus = "active" | "revoked" | "compromised"

/** The session, read under its row lock; `now` is the database's clock, read after the lock was held. */
export interface SessionState {
  readonly status: SessionStatus
  readonly headGeneration: number
  readonly confirmedAt: Date | null
  readonly expiresAt: Date
  readonly now: Date
}

/** The presented token's row, if cleanup has left it. */
export interface RefreshTokenState {
  readonly tokenHash: Uint8Array
  readonly expiresAt: Date
  readonly rotatedAt: Date | null
  readonly replays: number
}

export type RotationDecision =
  | { readonly _tag: "Rotate" }
  | { readonly _tag: "Replay" }
  | { readonly _tag: "Compromise" }
  | { readonly _tag: "TooManyReplays" }
  /** Nothing is written. `alarm` means that an operator should know: a forged tag, or a database that lost commits. */
  | { readonly _tag: "Refuse"; readonly why: string; readonly alarm: boolean }

const refuse = (why: string, alarm = false): RotationDecision => ({ _tag: "Refuse", why, alarm })

/** How long after `rotatedAt` a repeat of the token is taken for a lost answer, in seconds. */
const replayWindow = (session: SessionState, generation: number, graceSeconds: number): number => {
  if (graceSeconds === 0) return 0
  const successorUnused = generation === session.headGeneration - 1 && session.confirmedAt === null
  return successorUnused ? Math.max(graceSeconds, UNUSED_SUCCESSOR_WINDOW_SECONDS) : graceSeconds
}

export const decide = (
  presented: { readonly hash: Uint8Array; readonly generation: number },
  session: SessionState,
  row: RefreshTokenState | undefined,
  graceSeconds: number
): RotationDecision => {
  const { now, headGeneration } = session
  const { generation } = presented
  if (session.status !== "active") return refuse(`session is ${session.status}`)
  if (session.expiresAt <= now) return refuse("session has ended")
  if (generation > headGeneration) return refuse("token is newer than the session: the database lost a commit", true)
  if (row !== undefined && Buffer.compare(row.tokenHash, presented.hash) !== 0) {
    return refuse("token has a genuine tag but another value: a server key has leaked", true)
  }
  if (generation === headGeneration) {
    if (row === undefined) return refuse("token has expired")
    return row.expiresAt <= now ? refuse("token has expired") : { _tag: "Rotate" }
  }
  const age = row?.rotatedAt === null || row === undefined ? Number.POSITIVE_INFINITY : +now - +row.rotatedAt
  if (age > 1000 * replayWindow(session, generation, graceSeconds) || graceSeconds === 0) return { _tag: "Compromise" }
  return (row?.replays ?? 0) >= MOST_REPLAYS ? { _tag: "TooManyReplays" } : { _tag: "Replay" }
}
