/**
 * GET requests to addresses that strangers named: client metadata documents, their keys, pages that a model wants read.
 *
 * A host is resolved once, every address that it has must be public, and the connection goes to the address that was
 * looked at (no second look-up, so no DNS rebinding). Redirects are answers. Time and size are bounded, that of what was
 * compressed as well, and nothing of ours is sent along.
 */

import { isIP, type LookupFunction } from "node:net"
import * as NodeHttpClient from "@effect/platform-node/NodeHttpClient"
import { Context, Duration, Effect, Layer, Schema, Stream } from "effect"
import { HttpClient, HttpClientRequest } from "effect/http"
import { decompress } from "./decompress.ts"
import { makeResolve, type Resolve } from "./publicNames.ts"
import { isPublicAddress } from "./specialUse.ts"

const USER_AGENT = "Gatehouse/0.1 (+MCP server)"

/** No usable answer. `reason` is for the log: the caller of ours must not learn what lies behind which address. */
export class Unreachable extends Schema.TaggedError<Unreachable>()("Unreachable", { reason: Schema.String }) {
  override get message() {
    return this.reason
  }
}

export interface WebRequest {
  /** https, or http where `PublicWeb`'s caller allows it. */
  readonly url: string
  readonly accept: string
  readonly maxBytes: number
  /** For everything: resolution, connection, body. */
  readonly timeout: Duration.Input
}

export interface WebAnswer {
  readonly status: number
  readonly headers: Readonly<Record<string, string | undefined>>
  readonly body: Uint8Array
}

export interface PublicWebOptions {
  readonly resolve: Resolve
  readonly isPublic: (address: string) => boolean
  /** Certificate authorities instead of the system's. */
  readonly ca?: string
}

/** An address that is nobody's public server: it is not connected to. */
export class SpecialAddress extends Error {
  constructor(address: string) {
    super(`the address ${address} is for special use`)
  }
}

/** A look-up for connections: every address of the host is judged, and what was judged is connected to. */
export const vetted =
  ({ resolve, isPublic }: Pick<PublicWebOptions, "resolve" | "isPublic">): LookupFunction =>
  (host, { all }, callback) =>
    resolve(host, (error, addresses) => {
      const [first] = addresses ?? []
      if (error !== null || first === undefined) return callback(error ?? new Error("no address"), "", 0)
      const special = addresses?.find(({ address }) => !isPublic(address))
      if (special !== undefined) return callback(new SpecialAddress(special.address), "", 0)
      return all ? callback(null, [...(addresses ?? [])]) : callback(null, first.address, first.family)
    })

export class PublicWeb extends Context.Service<
  PublicWeb,
  { readonly get: (request: WebRequest) => Effect.Effect<WebAnswer, Unreachable> }
>()("gatehouse/net/PublicWeb") {
  static readonly layerOf = (options: PublicWebOptions): Layer.Layer<PublicWeb> =>
    Layer.effect(
      PublicWeb,
      Effect.gen(function* () {
        const client = HttpClient.withScope(yield* HttpClient.HttpClient)

        const read = Effect.fnUntraced(function* ({ url, accept, maxBytes }: WebRequest) {
          const host = new URL(url).hostname.replace(/^\[|\]$/g, "")
          // A literal address is not looked up, so it is judged here.
          if (isIP(host) !== 0 && !options.isPublic(host)) {
            return yield* new Unreachable({ reason: new SpecialAddress(host).message })
          }
          const response = yield* client.execute(
            HttpClientRequest.get(url, {
              headers: { accept, "user-agent": USER_AGENT, "accept-encoding": "identity" }
            })
          )
          const { status, headers } = response
          const tooLarge = new Unreachable({ reason: `the answer is larger than ${maxBytes} bytes` })
          if (Number(headers["content-length"] ?? 0) > maxBytes) return yield* tooLarge
          const chunks: Array<Uint8Array> = []
          let size = 0
          yield* Stream.runForEach(response.stream, (chunk) => {
            size += chunk.length
            chunks.push(chunk)
            return size > maxBytes ? Effect.fail(tooLarge) : Effect.void
          })
          const body = yield* decompress(Buffer.concat(chunks), headers["content-encoding"], maxBytes).pipe(
            Effect.catchTag("Undecodable", ({ reason }) => new Unreachable({ reason }))
          )
          return { status, headers, body }
        }, Effect.scoped)

        return PublicWeb.of({
          get: Effect.fn("PublicWeb.get")(
            (request: WebRequest) =>
              read(request).pipe(
                Effect.catchTag("HttpClientError", (error) =>
                  Effect.fail(new Unreachable({ reason: String(causeOf(error)) }))
                ),
                Effect.timeoutOrElse({
                  duration: request.timeout,
                  orElse: () =>
                    Effect.fail(
                      new Unreachable({
                        reason: `no complete answer within ${Duration.format(Duration.fromInputUnsafe(request.timeout))}`
                      })
                    )
                })
              ),
            // URLs are what strangers named: not for the other side's traces.
            Effect.provideService(HttpClient.TracerDisabledWhen, () => true)
          )
        })
      })
    ).pipe(
      Layer.provide(
        NodeHttpClient.layerNodeHttpOptions({
          keepAlive: false,
          lookup: vetted(options),
          ...(options.ca === undefined ? {} : { ca: options.ca })
        })
      )
    )

  static readonly layer = PublicWeb.layerOf({
    resolve: makeResolve(),
    isPublic: isPublicAddress
  })
}

/** The innermost error: what the socket or the resolver said. */
const causeOf = (error: unknown): unknown => {
  if (!(error instanceof Error)) return error
  const reason = "reason" in error ? error.reason : error.cause
  return reason instanceof Error ? causeOf(reason) : error.message
}
