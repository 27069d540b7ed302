/** Requests to whoever a mount names for its sign-in: vetted addresses, TLS, no redirects, bounded in time and size. */

import { Context, Effect, Layer } from "effect"
import { type GuardedFetch, makeGuardedFetch } from "../../net/guardedFetch.ts"
import type { PublicWebOptions } from "../../net/PublicWeb.ts"
import { makeResolve } from "../../net/publicNames.ts"
import { isPublicAddress } from "../../net/specialUse.ts"

const MAX_BYTES = 256 * 1024
const USER_AGENT = "Gatehouse/0.1 (+MCP server)"
/** For one request, its body included: an exchange that cannot be interrupted ends by it. */
export const ASK_SECONDS = 10

const LOOPBACK = new Set(["localhost", "127.0.0.1", "[::1]"])

/** Whether an address may be asked, or a browser be sent there: https, or this very machine where the owner allows that. */
export const isUsable = (address: string, mayBePrivate: boolean): boolean => {
  if (!URL.canParse(address)) return false
  const { protocol, hostname, username, password } = new URL(address)
  if (username !== "" || password !== "") return false
  return protocol === "https:" || (protocol === "http:" && mayBePrivate && LOOPBACK.has(hostname))
}

export class Asking extends Context.Service<
  Asking,
  {
    /** The same as `fetch` for a library: it is called with what the other side named. */
    readonly fetchFor: (mayBePrivate: boolean) => (url: string, init: RequestInit) => Promise<Response>
    /** Whatever is answered, as text; a failure says only that there was none. */
    readonly ask: (
      url: string,
      mayBePrivate: boolean,
      init?: RequestInit
    ) => Effect.Effect<{ readonly status: number; readonly headers: Headers; readonly text: string }, Error>
  }
>()("gatehouse/gateway/vault/Asking") {
  static readonly layerOf = (web: PublicWebOptions) =>
    Layer.effect(
      Asking,
      Effect.map(makeGuardedFetch(web), (guarded: GuardedFetch) => {
        const fetchFor = (mayBePrivate: boolean) => async (url: string, init: RequestInit) => {
          if (!isUsable(url, mayBePrivate)) throw new TypeError("the address is not one that may be asked")
          const deadline = AbortSignal.timeout(ASK_SECONDS * 1000)
          const signal = init.signal ? AbortSignal.any([init.signal, deadline]) : deadline
          const headers = new Headers(init.headers)
          headers.set("user-agent", USER_AGENT)
          return guarded(new URL(url), { ...init, headers, signal }, { mayBePrivate, maxBytes: MAX_BYTES })
        }
        return Asking.of({
          fetchFor,
          ask: Effect.fn("vault.ask")((url, mayBePrivate, init = {}) =>
            Effect.tryPromise({
              try: async () => {
                const answer = await fetchFor(mayBePrivate)(url, init)
                return { status: answer.status, headers: answer.headers, text: await answer.text() }
              },
              catch: (cause) => (cause instanceof Error ? cause : new Error("no answer"))
            })
          )
        })
      })
    )
  static readonly layer = Asking.layerOf({ resolve: makeResolve(), isPublic: isPublicAddress })
}
