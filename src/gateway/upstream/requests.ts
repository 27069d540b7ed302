/** One request in a session: sent once, and once more where it cannot have run. */

import { CLIENT_CAPABILITIES_META_KEY } from "@modelcontextprotocol/server"
import type { StandardSchemaV1 } from "@standard-schema/spec"
import { Duration, Effect } from "effect"
import { upstreamCalls } from "../../telemetry/counts.ts"
import type { UpstreamFailed } from "../failures.ts"
import type { Mount } from "../mount.ts"
import type { RequestOptions, Whose } from "./contract.ts"
import { restored } from "./hearing.ts"
import { type Miss, tooSlow, unavailable } from "./miss.ts"
import type { Sessions } from "./Sessions.ts"
import type { Session } from "./session.ts"

/** Together in one session: whoever comes later is told so, and waits in nobody's memory. */
const IN_FLIGHT = 256
const PING_MS = 10_000

/** Any object: what is in it is for those who asked. */
const ANYTHING: StandardSchemaV1<unknown, Record<string, unknown>> = {
  "~standard": {
    version: 1,
    vendor: "gatehouse",
    validate: (value) =>
      typeof value === "object" && value !== null && !Array.isArray(value)
        ? // An object has strings as its keys.
          { value: value as Record<string, unknown> }
        : { issues: [{ message: "the result is no object" }] }
  }
}

/** Without what the caller said of itself to us, and the token by which it hears of progress; `ours` instead. */
const paramsOf = (
  params: Readonly<Record<string, unknown>>,
  ours: Readonly<Record<string, unknown>> | undefined
): Record<string, unknown> => {
  const { _meta: meta, ...others } = params
  if (typeof meta !== "object" || meta === null) return ours === undefined ? others : { ...others, _meta: ours }
  const kept = Object.entries(meta).filter(
    ([name]) => name !== "progressToken" && !name.startsWith("io.modelcontextprotocol/")
  )
  return kept.length === 0 && ours === undefined
    ? others
    : { ...others, _meta: { ...Object.fromEntries(kept), ...ours } }
}

export interface Requests {
  readonly request: (
    mount: Mount,
    whose: Whose,
    method: string,
    params: Readonly<Record<string, unknown>>,
    options?: RequestOptions
  ) => Effect.Effect<Record<string, unknown>, UpstreamFailed>
}

export const makeRequests = (sessions: Sessions): Requests => {
  /** A session that was silent for too long is asked whether it is there at all, and ended if not. */
  const suspect = (session: Session) => {
    const { connection, mount, health } = session
    if (connection === undefined || session.isSuspected || session.over.why() !== undefined) return
    session.isSuspected = true
    const { client } = connection
    const alive = Effect.tryPromise((signal) =>
      client.getProtocolEra() === "modern"
        ? client.discover({ timeout: PING_MS, signal })
        : client.ping({ timeout: PING_MS, signal })
    )
    const asked = Effect.matchEffect(alive, {
      // An answer of any kind is a sign of life.
      onFailure: ({ cause }) =>
        Effect.sync(() => {
          session.isSuspected = false
          const { kind } = connection.missOf(mount, cause)
          if (kind === "answered") return
          health.wasDown(sessions.now())
          sessions.end(session, "did not answer any more, and was ended")
        }),
      onSuccess: () =>
        Effect.sync(() => {
          session.isSuspected = false
        })
    })
    sessions.fork(asked)
  }

  const attempt = (
    session: Session,
    mount: Mount,
    method: string,
    params: Readonly<Record<string, unknown>>,
    options: RequestOptions | undefined
  ): Effect.Effect<Record<string, unknown>, Miss> =>
    Effect.callback((resume, signal) => {
      const { connection, health } = session
      if (connection === undefined) {
        return resume(Effect.fail({ kind: "unsent", failure: unavailable(mount, "ended. Try again.") }))
      }
      if (session.inFlight >= IN_FLIGHT) {
        return resume(
          Effect.fail({ kind: "unasked", failure: unavailable(mount, "has too much to do. Try again later.") })
        )
      }
      const refused = health.requestRefused(sessions.now())
      if (refused !== undefined) return resume(Effect.fail({ kind: "unasked", failure: refused }))
      const onProgress = options?.onProgress
      session.calls++
      session.inFlight++
      const mayAsk = connection.client.getProtocolEra() === "modern" ? options?.mayAsk : undefined
      const token = onProgress === undefined ? undefined : `progress-${session.calls}`
      if (token !== undefined && onProgress !== undefined) connection.progress.set(token, onProgress)
      const traceparent = options?.traceparent
      const ours =
        token === undefined && mayAsk === undefined && traceparent === undefined
          ? undefined
          : {
              ...(token !== undefined && { progressToken: token }),
              ...(traceparent !== undefined && { traceparent }),
              ...(mayAsk !== undefined && { [CLIENT_CAPABILITIES_META_KEY]: mayAsk })
            }
      const began = performance.now()
      const counted = (outcome: "ok" | Miss["kind"]) =>
        upstreamCalls.of(mount.name, outcome).observe((performance.now() - began) / 1000)
      const done = () => {
        if (token !== undefined) connection.progress.delete(token)
        session.inFlight--
        sessions.used(session)
      }
      // The SDK's own promise: this is the edge of the library.
      connection.client
        .request({ method, params: paramsOf(params, ours) }, ANYTHING, {
          signal,
          timeout: Duration.toMillis(mount.timeout),
          allowInputRequired: true
        })
        .then(
          (result) => {
            done()
            counted("ok")
            health.wasWell()
            resume(Effect.succeed(restored(result)))
          },
          (error: unknown) => {
            done()
            if (signal.aborted) return health.wasNothing()
            const miss = connection.missOf(mount, error, session.over.why() ?? connection.over.why())
            counted(miss.kind)
            if (miss.kind === "lost" || miss.kind === "unsent") health.wasDown(sessions.now())
            else if (miss.kind === "answered") health.wasWell()
            else health.wasNothing()
            resume(Effect.fail(miss))
          }
        )
    })

  /** For what is left of the time that a request has. */
  const inTime = <A>(effect: Effect.Effect<A, Miss>, mount: Mount, since: number): Effect.Effect<A, Miss> =>
    Effect.timeoutOrElse(effect, {
      duration: Math.max(0, Duration.toMillis(mount.timeout) - (sessions.now() - since)),
      orElse: () => Effect.fail<Miss>({ kind: "slow", failure: tooSlow(mount) })
    })

  return {
    request: (mount, whose, method, params, options) =>
      Effect.suspend(() => {
        const since = sessions.now()
        const ask = (session: Session) => attempt(session, mount, method, params, options)
        const begun = () => Effect.flatMap(sessions.acquire(mount, whose), ask)
        const again = (session: Session, miss: Miss) => {
          if (miss.kind === "slow") suspect(session)
          if (miss.kind === "gone") sessions.end(session, "was forgotten there")
          const mayRepeat = miss.kind === "gone" || miss.kind === "unsent" || options?.isRepeatable === true
          const isOver = session.over.why() !== undefined || session.connection?.over.why() !== undefined
          if (!mayRepeat || !isOver) return Effect.fail(miss)
          sessions.end(session, "ended")
          return inTime(begun(), mount, since)
        }
        const onceOrTwice = (session: Session) => Effect.catch(ask(session), (miss) => again(session, miss))
        const session = sessions.find(mount, whose)
        // A session may take longer to start than its request has.
        const run =
          session === undefined
            ? inTime(Effect.flatMap(sessions.acquire(mount, whose), onceOrTwice), mount, since)
            : onceOrTwice(session)
        return Effect.mapError(run, ({ failure }) => failure)
      })
  }
}
