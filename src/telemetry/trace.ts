/**
 * Traces. A request has one, or it has none, and that is decided once, where it comes in: without one no span of it is made anywhere,
 * and what its caller said of a trace is handed on as it is (W3C Trace Context §2.2 and §3; MCP, SEP-414).
 *
 * Whatever is put on a span leaves this server: never an address that was asked for, since codes stand in those, and no token.
 */

import { Clock, Context, Effect, Exit, Fiber, Option, References, Tracer } from "effect"
import { Headers, HttpTraceContext } from "effect/http"

/** Whether a request is traced, by what its caller said of its own trace. */
export type Sampler = (parent: Tracer.AnySpan | undefined) => boolean

/** Decides for all requests; for none where nobody listens. */
export const Sampling = Context.Reference<Sampler>("gatehouse/telemetry/Sampling", { defaultValue: () => () => false })

/** As OpenTelemetry's own samplers do it, so that all servers of one trace draw the same lot. */
const lotOf = (traceId: string): number => {
  let lot = 0
  for (let at = 0; at < 32; at += 8) lot ^= Number.parseInt(traceId.slice(at, at + 8), 16)
  return (lot >>> 0) / 0xffff_ffff
}

/** By a share of all requests; where `byParent`, whoever asks decides, if they say. */
export const samplerOf = ({ byParent, ratio }: { readonly byParent: boolean; readonly ratio: number }): Sampler => {
  const isDrawn = (lot: number) => ratio === 1 || lot < ratio
  return (parent) => {
    if (parent === undefined) return isDrawn(Math.random())
    return byParent ? parent.sampled : isDrawn(lotOf(parent.traceId))
  }
}

/** What a `traceparent` says, if it is one. */
export const parentOf = (traceparent: unknown): Tracer.ExternalSpan | undefined =>
  typeof traceparent === "string"
    ? Option.getOrUndefined(HttpTraceContext.w3c(Headers.fromRecordUnsafe({ traceparent })))
    : undefined

/** The span that is open around this, or what its caller said; of those that are only pretended, the one around them. */
const spanNow = (): Tracer.AnySpan | undefined => {
  const fiber = Fiber.getCurrent()
  let span = fiber === undefined ? undefined : Context.getOrUndefined(fiber.context, Tracer.ParentSpan)
  while (span !== undefined && Context.get(span.annotations, Tracer.DisablePropagation)) {
    span = span._tag === "Span" ? Option.getOrUndefined(span.parent) : undefined
  }
  return span
}

/** The open span of a request that is traced. */
const recorded = (): Tracer.Span | undefined => {
  const span = spanNow()
  return span?._tag === "Span" && span.sampled ? span : undefined
}

/** For whoever is asked on behalf of this request. */
export const traceparentNow = (): string | undefined => {
  const span = spanNow()
  return span && `00-${span.traceId.padStart(32, "0")}-${span.spanId}-${span.sampled ? "01" : "00"}`
}

/** The trace that a request is recorded in. */
export const traceIdNow = (): string | undefined => recorded()?.traceId

/** Says something of what is going on, where there is a trace of it. */
export const tellSpan = (attributes: Readonly<Record<string, string>>): void => {
  const span = recorded()
  if (span === undefined) return
  for (const [name, value] of Object.entries(attributes)) span.attribute(name, value)
}

export interface Part {
  readonly name: string
  readonly kind: "server" | "client"
  readonly attributes: Readonly<Record<string, string>>
}

/**
 * A part of a request that has a span of its own, where the request is recorded. With a `parent`, which is what the part says of the trace
 * that it belongs to, that one goes on, and the request is linked. To be called by the fiber that then runs it.
 */
export const within = <A, E, R>(
  part: () => Part,
  effect: Effect.Effect<A, E, R>,
  parent?: Tracer.ExternalSpan
): Effect.Effect<A, E, R> => {
  const span = recorded()
  if (span === undefined)
    return parent === undefined ? effect : Effect.provideService(effect, Tracer.ParentSpan, parent)
  const { name, ...told } = part()
  const links = [{ span, attributes: {} }]
  return Effect.withSpan(effect, name, {
    ...told,
    ...(parent && { parent, links, sampled: true }),
    captureStackTrace: false
  })
}

/** How a request ended. */
export interface Ended {
  readonly name: string
  readonly attributes: Readonly<Record<string, string | number>>
  /** What was wrong on this side. */
  readonly fault: string | undefined
}

/** A request in the trace that it begins, or goes on with. */
export const traced = <A, E, R>(
  isTraced: Sampler,
  { traceparent, method }: { readonly traceparent: string | undefined; readonly method: string },
  request: Effect.Effect<A, E, R>,
  ended: (answer: A) => Ended
): Effect.Effect<A, E, R> => {
  const parent = parentOf(traceparent)
  if (!isTraced(parent)) {
    return parent === undefined ? request : Effect.provideService(request, Tracer.ParentSpan, parent)
  }
  const origin = parent === undefined ? { root: true } : { parent }
  const recording = Effect.useSpan(method, { ...origin, kind: "server", sampled: true }, (span) =>
    Effect.flatMap(Effect.withParentSpan(request, span, { captureStackTrace: false }), (answer) =>
      Clock.clockWith((clock) => {
        const { name, attributes, fault } = ended(answer)
        // By now it is known which route it took.
        Object.assign(span, { name })
        for (const [key, value] of Object.entries(attributes)) span.attribute(key, value)
        if (fault !== undefined) span.end(clock.currentTimeNanosUnsafe(), Exit.fail(fault))
        return Effect.succeed(answer)
      })
    )
  )
  return Effect.provideService(recording, References.TracerEnabled, true)
}
