/**
 * A session with a mount, from its start to the client that speaks through it. No capability is declared: what an upstream asks of a
 * client (sampling, roots, elicitation) would need a person who is not there, so it is told no.
 */

import { Client, ProtocolError, type Transport } from "@modelcontextprotocol/client"
import { Duration, Effect } from "effect"
import { version } from "../../config/version.ts"
import type { Http, Mount, Stdio } from "../mount.ts"
import { blotOf } from "./blot.ts"
import type { Whose } from "./contract.ts"
import { type Hearing, makeHearing } from "./hearing.ts"
import { type HttpOptions, openHttp } from "./http.ts"
import { type Miss, unavailable } from "./miss.ts"
import { missOf } from "./missOf.ts"
import type { Over } from "./over.ts"
import { openStdio, type StdioOptions } from "./stdio.ts"

const CLIENT = { name: "gatehouse", title: "Gatehouse", version }
/** For the question which revision it speaks. */
const PROBE_MS = 5000
const START = { Stdio: Duration.seconds(30), Http: Duration.seconds(15) }

export interface Connection {
  readonly client: Client
  readonly pid: number | undefined
  readonly over: Over
  /** What a rejection of the client means; `why` is what is known of the session's end. */
  readonly missOf: (mount: Mount, error: unknown, why?: string) => Miss
  readonly progress: Hearing["progress"]
}

export interface ConnectOptions {
  readonly stdio: StdioOptions
  readonly http: HttpOptions
  /** Its lists are others now. */
  readonly onListChanged: (mount: string) => void
  /** Mounts that are known to speak the older revisions, by fingerprint: they are not asked for the newer again. */
  readonly legacy: Set<string>
}

/** Nothing is validated here: results are passed on, and schemas judged elsewhere. */
const NO_VALIDATION = {
  getValidator: () => () => ({ valid: false as const, data: undefined, errorMessage: "not validated here" })
}

const makeClient = (mount: Mount) => {
  const client = new Client(CLIENT, {
    capabilities: {},
    versionNegotiation: {
      mode: mount.transport._tag === "Http" ? "auto" : "legacy",
      probe: { timeoutMs: PROBE_MS }
    },
    inputRequired: { autoFulfill: false },
    jsonSchemaValidator: NO_VALIDATION
  })
  client.fallbackRequestHandler = ({ method }) =>
    Promise.reject(
      new ProtocolError(
        -32601,
        `Gatehouse passes requests on for many people, and answers none itself: "${method}" is not offered`
      )
    )
  return client
}

const isStdio = (mount: Mount): mount is Mount & { readonly transport: Stdio } => mount.transport._tag === "Stdio"
const isHttp = (mount: Mount): mount is Mount & { readonly transport: Http } => mount.transport._tag === "Http"

/** On the revision of 2026 a server tells what changed only to those who ask for it. It may not, and nobody waits for it. */
const listen = (client: Client) => {
  const { tools, prompts, resources } = client.getServerCapabilities() ?? {}
  const filter = {
    ...(tools?.listChanged && { toolsListChanged: true }),
    ...(prompts?.listChanged && { promptsListChanged: true }),
    ...(resources?.listChanged && { resourcesListChanged: true })
  }
  return Object.keys(filter).length === 0
    ? Effect.void
    : Effect.ignore(Effect.tryPromise((signal) => client.listen(filter, { signal })))
}

interface Opened {
  readonly transport: Transport
  readonly pid: number | undefined
  readonly over: Over
}

const open = (mount: Mount, key: string, whose: Whose, options: ConnectOptions) => {
  if (isStdio(mount)) {
    return openStdio(mount, key, options.stdio).pipe(
      Effect.map((opened): Opened => opened),
      Effect.mapError(({ reason }): Miss => {
        const words =
          reason._tag === "NotFound"
            ? "its program, or the folder that it works in, was not found"
            : "its program could not be started"
        return { kind: "unsent", failure: unavailable(mount, `did not start: ${words}.`) }
      })
    )
  }
  return isHttp(mount) ? openHttp(mount, whose, options.http) : Effect.never
}

/** Started, introduced, and ended with its scope. */
export const connect = Effect.fn("connect")(function* (
  mount: Mount,
  key: string,
  whose: Whose,
  options: ConnectOptions
) {
  const blot = blotOf(mount)
  const said: Connection["missOf"] = (mount, error, why) => missOf(mount, blot, error, why)
  const { transport, pid, over } = yield* open(mount, key, whose, options)
  const client = makeClient(mount)
  const { progress, hear } = makeHearing(
    () => client.getProtocolEra() === "modern",
    () => options.onListChanged(mount.name)
  )
  transport.onmessage = hear
  client.onclose = () => {
    over.end("ended")
  }
  const isKnown = options.legacy.has(mount.fingerprint)
  const limit = START[mount.transport._tag]
  yield* Effect.tryPromise({
    try: (signal) =>
      client.connect(transport, {
        signal,
        timeout: Duration.toMillis(limit),
        ...(isKnown && { prior: { kind: "legacy" as const } })
      }),
    catch: (error) => said(mount, error, over.why())
  }).pipe(
    Effect.timeoutOrElse({
      duration: limit,
      orElse: () =>
        Effect.fail<Miss>({
          kind: "lost",
          failure: unavailable(mount, `did not start within ${Duration.format(limit)}.`)
        })
    }),
    Effect.tapError(({ kind }) =>
      Effect.sync(() => {
        // Silent to what it does not know, perhaps: next time it is not asked. Or it has another revision by now.
        if (kind === "slow" && !isKnown) options.legacy.add(mount.fingerprint)
        else options.legacy.delete(mount.fingerprint)
      })
    ),
    Effect.mapError(({ kind, failure }): Miss => {
      // A start that was refused or too slow is no answer to a request.
      if (failure._tag === "UpstreamRefused" || failure._tag === "UpstreamTooSlow") {
        const words =
          failure._tag === "UpstreamRefused"
            ? failure.message.slice(mount.title.length + 2)
            : "it did not answer in time."
        return { kind, failure: unavailable(mount, `did not start: ${words}`) }
      }
      return { kind, failure }
    })
  )
  if (mount.transport._tag === "Http" && client.getProtocolEra() === "legacy") options.legacy.add(mount.fingerprint)
  if (client.getProtocolEra() === "modern") yield* Effect.forkScoped(listen(client))
  return { client, pid, over, missOf: said, progress } satisfies Connection
})
