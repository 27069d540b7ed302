/**
 * A session with a server that speaks Streamable HTTP. What is sent is the request, the headers of the mount's entry, the person's own
 * token if it takes one, and our mark: nothing of what the caller sent us.
 */

import { type FetchLike, StreamableHTTPClientTransport, type Transport } from "@modelcontextprotocol/client"
import { Cause, Effect, Exit, Redacted } from "effect"
import type { GuardedFetch } from "../../net/guardedFetch.ts"
import { VIA } from "../../oauth/tokens/via.ts"
import type { Credentials } from "../Credentials.ts"
import { SignInNeeded, type UpstreamUnavailable } from "../failures.ts"
import type { Http, Mount } from "../mount.ts"
import type { Whose } from "./contract.ts"
import { LOST } from "./missOf.ts"
import { makeOver } from "./over.ts"
import { within } from "./within.ts"

const MAX_BYTES = 16 * 1024 * 1024
const FIRST_MS = 1000
const LONGEST_MS = 60_000
const GOODBYE = "2 seconds"
const USER_AGENT = "Gatehouse/0.1 (+MCP server)"
/** What the protocol says of a message, whatever an entry says. */
const OF_THE_PROTOCOL = new Set([
  "accept",
  "content-type",
  "content-length",
  "host",
  "last-event-id",
  "mcp-method",
  "mcp-name",
  "mcp-protocol-version",
  "mcp-session-id"
])

export interface HttpOptions {
  readonly fetch: GuardedFetch
  readonly credentials: Credentials["Service"]
  /** What our own requests are known by. */
  readonly via: string
}

type HttpMount = Mount & { readonly transport: Http }

/** The failure itself, as what the library is given to throw. */
const thrown = async <A>(
  effect: Effect.Effect<A, SignInNeeded | UpstreamUnavailable>,
  signal: AbortSignal | undefined
): Promise<A> => {
  const exit = await Effect.runPromiseExit(effect, signal === undefined ? undefined : { signal })
  if (Exit.isSuccess(exit)) return exit.value
  throw Cause.squash(exit.cause)
}

const fetchOf = (mount: HttpMount, { subject }: Whose, { fetch, credentials, via }: HttpOptions): FetchLike => {
  const { url, headers: said, mayBePrivate } = mount.transport
  const { origin } = new URL(url)
  const own = Object.entries(said).filter(([name]) => !OF_THE_PROTOCOL.has(name.toLowerCase()))

  return async (input, init) => {
    const to = new URL(input)
    // The library follows redirects within the origin; this is what holds it there.
    if (to.origin !== origin) throw new TypeError("a redirect to elsewhere is not followed")
    const headers = new Headers(init?.headers)
    for (const [name, value] of own) headers.set(name, Redacted.value(value))
    headers.set("user-agent", USER_AGENT)
    headers.set("accept-encoding", "identity")
    headers.set(VIA, via)
    const send = (token: Redacted.Redacted | undefined) => {
      if (token !== undefined) headers.set("authorization", `Bearer ${Redacted.value(token)}`)
      return fetch(to, { ...init, headers }, { mayBePrivate, maxBytes: MAX_BYTES })
    }
    if (mount.auth !== "oauth") return send(undefined)
    const signal = init?.signal ?? undefined
    const token = await thrown(credentials.tokenOf(mount, subject), signal)
    const answer = await send(token)
    if (answer.status !== 401) return answer
    await answer.body?.cancel()
    const again = await send(await thrown(credentials.renewed(mount, subject, token), signal))
    if (again.status !== 401) return again
    await again.body?.cancel()
    throw new SignInNeeded({ mount: mount.name })
  }
}

/** A stream that ends as soon as it is open would be opened again without a pause: each time waits longer. */
const patiently = () => {
  let times = 0
  return (reconnect: () => void, delay: number) => {
    const timer = setTimeout(reconnect, Math.min(LONGEST_MS, Math.max(delay, FIRST_MS * 2 ** Math.min(times++, 10))))
    return () => clearTimeout(timer)
  }
}

/**
 * The library's transport, held to three things more: an answer's stream is closed when its request is given up (the older revisions
 * only send a notification, and a server that is silent would keep the connection), a stream that ends without the answer ends
 * the request, and a session that is over stays so.
 */
const held = (inner: StreamableHTTPClientTransport): Transport => {
  const open = new Map<string | number, AbortController>()
  const transport: Transport = {
    hasPerRequestStream: true,
    start: () => inner.start(),
    // The library's own would give up the goodbye as well: that is said when the scope is closed.
    close: () => {
      for (const controller of open.values()) controller.abort()
      open.clear()
      transport.onclose?.()
      return Promise.resolve()
    },
    setProtocolVersion: (version) => inner.setProtocolVersion(version),
    get sessionId() {
      return inner.sessionId
    },
    send: (message, options) => {
      if (!("method" in message)) return inner.send(message)
      if (!("id" in message)) {
        const given = message.method === "notifications/cancelled" ? message.params?.requestId : undefined
        if (typeof given !== "string" && typeof given !== "number") return inner.send(message)
        open.get(given)?.abort()
        open.delete(given)
        return inner.send(message)
      }
      const { id } = message
      const controller = new AbortController()
      open.set(id, controller)
      // Given up on the revision of 2026: no notification says so.
      options?.requestSignal?.addEventListener("abort", () => open.delete(id), { once: true })
      const requestSignal =
        options?.requestSignal === undefined
          ? controller.signal
          : AbortSignal.any([controller.signal, options.requestSignal])
      const onRequestStreamEnd = () => {
        if (!open.delete(id)) return
        options?.onRequestStreamEnd?.()
        transport.onmessage?.({ jsonrpc: "2.0", id, error: { code: -32000, message: LOST } })
      }
      return inner.send(message, { requestSignal, onRequestStreamEnd }).catch((error: unknown) => {
        open.delete(id)
        throw error
      })
    }
  }
  inner.onmessage = (message) => {
    if (!("method" in message) && message.id !== undefined) open.delete(message.id)
    transport.onmessage?.(message)
  }
  inner.onerror = (error) => transport.onerror?.(error)
  return transport
}

export const openHttp = Effect.fn("openHttp")(function* (mount: HttpMount, whose: Whose, options: HttpOptions) {
  const over = makeOver()
  const inner = new StreamableHTTPClientTransport(new URL(mount.transport.url), {
    reconnectionScheduler: patiently(),
    fetch: fetchOf(mount, whose, options)
  })
  yield* Effect.addFinalizer(() =>
    Effect.andThen(
      within(
        Effect.promise(() => inner.terminateSession().catch(() => undefined)),
        GOODBYE
      ),
      Effect.promise(() => inner.close())
    )
  )
  return { transport: held(inner), pid: undefined, over }
})
