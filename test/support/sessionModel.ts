/** What a session is and does, as a model: random lives are held against it, and recorded histories of many clients at once. */

export const ACCESS_TTL = 3600
export const REFRESH_TTL = 20_000
export const SESSION_TTL = 90_000
const DAY = 86_400

interface Access {
  readonly generation: number
  readonly expiresAt: number
  revoked: boolean
}
interface Refresh {
  readonly expiresAt: number
  rotatedAt: number | undefined
  revokedAt: number | undefined
  gone: boolean
  /** The access token that this link's rotation answered. */
  answered: string | undefined
}
export interface Session {
  readonly client: string
  readonly endsAt: number
  status: "active" | "revoked" | "compromised"
  endedAt: number
  confirmed: boolean
  gone: boolean
  /** Refresh tokens by generation. */
  readonly chain: Array<Refresh>
  readonly chainTokens: Array<string>
  readonly access: Map<string, Access>
}

type Outcome =
  | { readonly _tag: "rotated" }
  | { readonly _tag: "replayed"; readonly refreshToken: string; readonly accessToken: string | undefined }
  | { readonly _tag: "invalid_grant" }

/** What an answer of the token endpoint holds. */
export interface Pair {
  readonly access: string
  readonly refresh: string
}

export const head = (session: Session) => session.chain.length - 1

/** An access token of the newest generation, which may be known already. */
export const remember = (session: Session, access: string, now: number) => {
  if (session.access.has(access)) return
  const expiresAt = Math.min(now + ACCESS_TTL, session.endsAt)
  session.access.set(access, { generation: head(session), expiresAt, revoked: false })
}

const issue = (session: Session, { access, refresh }: Pair, now: number) => {
  const expiresAt = Math.min(now + REFRESH_TTL, session.endsAt)
  session.chain.push({ expiresAt, rotatedAt: undefined, revokedAt: undefined, gone: false, answered: undefined })
  session.chainTokens.push(refresh)
  remember(session, access, now)
}

/** What a redeemed code begins. */
export const begin = (client: string, pair: Pair, now: number): Session => {
  const session: Session = {
    client,
    endsAt: now + SESSION_TTL,
    status: "active",
    endedAt: 0,
    confirmed: false,
    gone: false,
    chain: [],
    chainTokens: [],
    access: new Map()
  }
  issue(session, pair, now)
  return session
}

/** What follows from `expectRefresh` saying that a token is rotated. */
export const rotate = (session: Session, generation: number, pair: Pair, now: number) => {
  const link = session.chain[generation]
  if (link !== undefined) Object.assign(link, { rotatedAt: now, revokedAt: now, answered: pair.access })
  session.confirmed = false
  issue(session, pair, now)
}

export const end = (session: Session, status: "revoked" | "compromised", now: number) => {
  if (session.status !== "active" || session.gone) return
  session.status = status
  session.endedAt = now
  for (const access of session.access.values()) access.revoked = true
  for (const link of session.chain) link.revokedAt ??= now
}

export const isUsable = (session: Session, token: string, now: number) => {
  const access = session.access.get(token)
  return (
    access !== undefined &&
    !access.revoked &&
    access.expiresAt > now &&
    session.status === "active" &&
    session.endsAt > now
  )
}

export const expectRefresh = (
  session: Session,
  generation: number,
  client: string,
  now: number,
  grace: number
): Outcome => {
  const refused = { _tag: "invalid_grant" } as const
  if (session.gone || session.client !== client || session.status !== "active" || session.endsAt <= now) return refused
  const link = session.chain[generation]
  if (link === undefined) return refused
  if (generation === head(session)) return link.gone || link.expiresAt <= now ? refused : { _tag: "rotated" }
  const unused = generation === head(session) - 1 && !session.confirmed
  const window = grace === 0 ? 0 : unused ? DAY : grace
  // Real time passes too, so an age that equals its window is already past it.
  if (link.gone || link.rotatedAt === undefined || now - link.rotatedAt >= window) {
    end(session, "compromised", now)
    return refused
  }
  const last = session.chain[head(session) - 1]?.answered ?? ""
  const access = session.access.get(last)
  const worthy = access !== undefined && !access.revoked && access.expiresAt - now > 60
  return { _tag: "replayed", refreshToken: session.chainTokens.at(-1) ?? "", accessToken: worthy ? last : undefined }
}

export const clean = (sessions: ReadonlyArray<Session>, now: number) => {
  for (const session of sessions) {
    for (const link of session.chain) {
      if (link.expiresAt < now - 7 * DAY || (link.revokedAt ?? now) < now - 7 * DAY) link.gone = true
    }
    for (const [token, access] of session.access) {
      const endedLongAgo = session.status !== "active" && session.endedAt < now - DAY
      if (access.expiresAt < now - DAY || (access.revoked && endedLongAgo)) session.access.delete(token)
    }
    if (session.chain.every(({ gone }) => gone) && session.access.size === 0) session.gone = true
  }
}
