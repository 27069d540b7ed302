/** Clients that do nothing wrong: they repeat what got no answer or a 5xx, and remember what they were told. */

import { Clock, Effect, Random } from "effect"
import { newPkce } from "../support/client.ts"
import type { Ordeal } from "./chapter.ts"
import { type Ask, REDIRECT_URI, type Reply } from "./fleet.ts"

/** A session as its client knows it: every token was in an answer. */
export interface Known {
  readonly access: Array<string>
  readonly refresh: Array<string>
  isRevoked: boolean
}

/** Less than the grace. */
const PATIENCE_MS = 100_000

export const rpcInit = (accessToken: string): RequestInit => ({
  method: "POST",
  body: JSON.stringify({ jsonrpc: "2.0", id: 1, method: "tools/list", params: {} }),
  headers: {
    "content-type": "application/json",
    accept: "application/json, text/event-stream",
    "mcp-protocol-version": "2025-11-25",
    authorization: `Bearer ${accessToken}`
  }
})

export const formInit = (parameters: Readonly<Record<string, string>>, signal?: AbortSignal): RequestInit => ({
  method: "POST",
  body: new URLSearchParams({ client_id: "demo", ...parameters }),
  ...(signal === undefined ? {} : { signal })
})

/** Asks until there is an answer that means something. */
export const persist = Effect.fnUntraced(function* (
  { broken }: Pick<Ordeal, "broken">,
  ask: Effect.Effect<Reply | undefined>,
  what: string
) {
  const began = yield* Clock.currentTimeMillis
  for (;;) {
    const answer = yield* ask
    if (answer !== undefined && answer.status < 500) return answer
    if ((yield* Clock.currentTimeMillis) - began > PATIENCE_MS) {
      broken("an honest client is answered within the grace", { what, last: answer?.status ?? "nothing" })
      return yield* Effect.fail("not answered")
    }
    yield* Effect.sleep(yield* Random.nextIntBetween(20, 200))
  }
})

/** The status that was to be expected, or else it is told and over. */
const expect = ({ broken }: Pick<Ordeal, "broken">, answer: Reply, status: number, promise: string) => {
  if (answer.status === status) return Effect.void
  broken(promise, { status: answer.status, body: answer.body })
  return Effect.fail("untrue")
}

/** A whole flow: the first tokens of a session. */
export const link = Effect.fn("torture.link")(function* (ordeal: Pick<Ordeal, "broken">, ask: Ask) {
  const pkce = newPkce()
  const query = new URLSearchParams({
    response_type: "code",
    client_id: "demo",
    redirect_uri: REDIRECT_URI,
    code_challenge: pkce.challenge,
    code_challenge_method: "S256",
    scope: "mcp.tools.call offline_access"
  })
  const page = yield* persist(ordeal, ask(`/authorize?${query}`), "authorize")
  yield* expect(ordeal, page, 303, "a person who allows is sent back")
  const code = new URL(page.headers.get("location") ?? "missing:").searchParams.get("code") ?? ""
  const exchange = formInit({
    grant_type: "authorization_code",
    code,
    code_verifier: pkce.verifier,
    redirect_uri: REDIRECT_URI
  })
  const answer = yield* persist(ordeal, ask("/token", exchange), "exchange")
  yield* expect(ordeal, answer, 200, "an honest client that repeats its exchange never sees invalid_grant")
  return { access: answer.body.access_token as string, refresh: answer.body.refresh_token as string }
})

/** Links, calls, refreshes, hangs up, revokes; what it was told is in `ledger` at every moment. */
export const honestLife = Effect.fn("torture.honestLife")(function* (
  ordeal: Pick<Ordeal, "broken">,
  ask: Ask,
  ledger: Array<Known>,
  isOver: () => boolean
) {
  const pause = Effect.flatMap(Random.nextIntBetween(0, 60), (ms) => Effect.sleep(ms))

  const first = yield* link(ordeal, ask)
  const known: Known = { access: [first.access], refresh: [first.refresh], isRevoked: false }
  ledger.push(known)

  const steps = yield* Random.nextIntBetween(1, 8)
  for (let step = 0; step < steps && !isOver(); step++) {
    yield* pause
    if (yield* Random.nextBoolean) {
      const used = yield* persist(ordeal, ask("/mcp", rpcInit(known.access.at(-1) ?? "")), "mcp")
      yield* expect(ordeal, used, 200, "an access token that a client was given is good")
    }
    const token = { grant_type: "refresh_token", refresh_token: known.refresh.at(-1) ?? "" }
    if ((yield* Random.nextIntBetween(0, 4)) === 0) {
      yield* ask("/token", formInit(token, AbortSignal.timeout(yield* Random.nextIntBetween(1, 30))))
    }
    const refreshed = yield* persist(ordeal, ask("/token", formInit(token)), "refresh")
    yield* expect(ordeal, refreshed, 200, "an honest client that repeats its refresh never sees invalid_grant")
    known.access.push(refreshed.body.access_token)
    known.refresh.push(refreshed.body.refresh_token)
  }

  if ((yield* Random.nextIntBetween(0, 2)) > 0) {
    const revoked = yield* persist(ordeal, ask("/revoke", formInit({ token: known.refresh.at(-1) ?? "" })), "revoke")
    yield* expect(ordeal, revoked, 200, "a revocation is answered with 200")
    known.isRevoked = true
  }
})

/** Many lives at once, one after another, until it is over. */
export const honestClients = (
  count: number,
  ordeal: Pick<Ordeal, "broken">,
  ask: Ask,
  ledger: Array<Known>,
  isOver: () => boolean
) => {
  const client = Effect.suspend(() => Effect.exit(honestLife(ordeal, ask, ledger, isOver))).pipe(
    Effect.repeat({ while: () => !isOver() })
  )
  return Effect.all(
    Array.from({ length: count }, () => client),
    { concurrency: "unbounded" }
  )
}
