/**
 * `fetch` for libraries that speak to services which owners named: connections are kept, addresses are judged before they are
 * connected to (unless the owner said that the service may be anywhere), redirects are answers, and what is read is bounded. A
 * promise, since that is what libraries call.
 */

import { isIP } from "node:net"
import type * as Undici from "@effect/platform-node/Undici"
import { Effect } from "effect"
import { type PublicWebOptions, SpecialAddress, vetted } from "./PublicWeb.ts"

/** For one service at a time: who is silent holds no more than this. */
const CONNECTIONS = 256
const CONNECT_MS = 10_000

export interface GuardedRequest {
  /** Whether it may be in a private network, and without TLS. */
  readonly mayBePrivate: boolean
  /** Of a whole answer, or of one event of a stream. */
  readonly maxBytes: number
}

export type GuardedFetch = (url: URL, init: RequestInit, options: GuardedRequest) => Promise<Response>

/** Not over TLS, where it has to be. */
export class NotEncrypted extends TypeError {
  constructor() {
    super("the address is not https")
  }
}

export class AnswerTooLarge extends TypeError {
  constructor() {
    super("the answer is too large")
  }
}

/** Fails the stream once there is more than may be held: in all, or since the last blank line, which ends an event. */
const bounded = (maxBytes: number, isStream: boolean) => {
  let held = 0
  return new TransformStream<Uint8Array, Uint8Array>({
    transform: (chunk, controller) => {
      const bytes = Buffer.from(chunk.buffer, chunk.byteOffset, chunk.length)
      const end = isStream
        ? Math.max(bytes.lastIndexOf("\n\n"), bytes.lastIndexOf("\r\n\r\n"), bytes.lastIndexOf("\r\r"))
        : -1
      held = end < 0 ? held + bytes.length : bytes.length - end
      if (held > maxBytes) controller.error(new AnswerTooLarge())
      else controller.enqueue(chunk)
    }
  })
}

/** Its connections are closed with the scope. */
export const makeGuardedFetch = (options: PublicWebOptions) =>
  Effect.gen(function* () {
    // A hundred modules, which a server without mounts has no use for.
    const connect = async () => {
      const { Agent, fetch } = await import("@effect/platform-node/Undici")
      const agent = (connect: { readonly lookup?: ReturnType<typeof vetted> }) =>
        new Agent({
          connections: CONNECTIONS,
          // Whoever asks has a deadline of its own; a stream may be silent for as long as it likes.
          headersTimeout: 0,
          bodyTimeout: 0,
          connect: { timeout: CONNECT_MS, ...connect, ...(options.ca !== undefined && { ca: options.ca }) }
        })
      return { fetch, open: agent({ lookup: vetted(options) }), anywhere: agent({}) }
    }
    let connected: ReturnType<typeof connect> | undefined
    yield* Effect.addFinalizer(() =>
      Effect.promise(async () => {
        const made = await connected
        await Promise.all([made?.open.destroy(), made?.anywhere.destroy()])
      })
    )

    const guardedFetch: GuardedFetch = async (url, init, { mayBePrivate, maxBytes }) => {
      const host = url.hostname.replace(/^\[|\]$/g, "")
      if (url.protocol !== "https:" && !(mayBePrivate && url.protocol === "http:")) {
        throw new NotEncrypted()
      }
      // A literal address is not looked up, so it is judged here.
      if (!mayBePrivate && isIP(host) !== 0 && !options.isPublic(host)) {
        throw new SpecialAddress(host)
      }
      connected ??= connect()
      const { fetch, open, anywhere } = await connected
      const answer = await fetch(url, {
        // Undici declares the same standard in types of its own.
        ...(init as Undici.RequestInit),
        redirect: "manual",
        dispatcher: mayBePrivate ? anywhere : open
      })
      const { status, statusText, headers, body } = answer
      const length = Number(headers.get("content-length") ?? Number.POSITIVE_INFINITY)
      if (Number.isFinite(length) && length > maxBytes) {
        await body?.cancel()
        throw new AnswerTooLarge()
      }
      // As long as it says, and not unpacked: nothing to count.
      const isPlain = length <= maxBytes && !headers.has("content-encoding")
      // undici's own class: a response as libraries read it, which the types of Node call another.
      if (body === null || isPlain) return answer as unknown as Response
      const isStream = headers.get("content-type")?.startsWith("text/event-stream") === true
      return new Response((body as ReadableStream<Uint8Array>).pipeThrough(bounded(maxBytes, isStream)), {
        status,
        statusText,
        headers: [...headers]
      })
    }
    return guardedFetch
  })
