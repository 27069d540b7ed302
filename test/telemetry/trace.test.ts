import { assert, describe, it } from "@effect/vitest"
import { Effect, References, Schema, Tracer } from "effect"
import { parentOf, samplerOf, traced, traceparentNow, within } from "../../src/telemetry/trace.ts"

const Id = (digits: number) => Schema.String.check(Schema.isPattern(new RegExp(`^[1-9a-f][0-9a-f]{${digits - 1}}$`)))
const Parent = Schema.Struct({ traceId: Id(32), spanId: Id(16), sampled: Schema.Boolean })
const Ratio = Schema.Number.check(Schema.isBetween({ minimum: 0, maximum: 1 }))

describe("which requests are traced", () => {
  it.prop("OT4 whoever asks decides where they are to, and say so", [Parent, Ratio], ([parent, ratio]) => {
    assert.strictEqual(samplerOf({ byParent: true, ratio })(Tracer.externalSpan(parent)), parent.sampled)
  })

  it("OT4 of those that say nothing all are traced, or none, where that is the share", () => {
    for (const byParent of [true, false]) {
      assert.isTrue(samplerOf({ byParent, ratio: 1 })(undefined))
      assert.isFalse(samplerOf({ byParent, ratio: 0 })(undefined))
    }
  })

  it.prop(
    "OT4 all servers of one trace draw the same lot, and a greater share has all that a smaller one has",
    [Parent, Id(16), Ratio, Ratio],
    ([parent, spanId, one, other]) => {
      const isDrawn = (ratio: number, of = parent) => samplerOf({ byParent: false, ratio })(Tracer.externalSpan(of))
      assert.isTrue(isDrawn(1))
      assert.isFalse(isDrawn(0))
      if (isDrawn(Math.min(one, other))) assert.isTrue(isDrawn(Math.max(one, other)))
      assert.strictEqual(isDrawn(one, { ...parent, spanId, sampled: !parent.sampled }), isDrawn(one))
    }
  )

  it("OT4 a share is about as much of all traces", () => {
    const ids = Array.from({ length: 5000 }, () => crypto.randomUUID().replaceAll("-", ""))
    for (const ratio of [0.1, 0.5, 0.9]) {
      const isDrawn = samplerOf({ byParent: false, ratio })
      const drawn = ids.filter((traceId) =>
        isDrawn(Tracer.externalSpan({ traceId, spanId: "00f067aa0ba902b7", sampled: true }))
      )
      // Ten standard deviations, and more.
      assert.closeTo(drawn.length / ids.length, ratio, 0.08)
    }
  })
})

describe("traceparent", () => {
  it.prop("OT5 is read as W3C has it", [Parent], ([{ traceId, spanId, sampled }]) => {
    const text = `00-${traceId}-${spanId}-${sampled ? "01" : "00"}`
    assert.deepInclude(parentOf(text), { traceId, spanId, sampled })
    assert.isUndefined(parentOf(`${text}\r\nx: y`))
  })

  it.prop("OT5 is nothing else", [Schema.Unknown], ([value]) => {
    assert.isUndefined(parentOf(value))
  })

  it("OT5 is nothing that has no trace, no span, or another form", () => {
    for (const wrong of [
      "00-00000000000000000000000000000000-00f067aa0ba902b7-01",
      "00-4bf92f3577b34da6a3ce929d0e0e4736-0000000000000000-01",
      "ff-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
      "00-4BF92F3577B34DA6A3CE929D0E0E4736-00f067aa0ba902b7-01",
      "4bf92f3577b34da6a3ce929d0e0e4736"
    ]) {
      assert.isUndefined(parentOf(wrong))
    }
  })

  const inner = Effect.fn("test.inner")(() => Effect.sync(traceparentNow))
  const part = () => ({ name: "part", kind: "client" as const, attributes: {} })
  const asked = (isTraced: boolean, traceparent: string | undefined) =>
    traced(
      () => isTraced,
      { traceparent, method: "POST" },
      Effect.suspend(() => within(part, inner())),
      () => ({ name: "request", attributes: {}, fault: undefined })
    ).pipe(Effect.provideService(References.TracerEnabled, false))
  const [TRACE, SPAN] = ["4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7"]
  const given = `00-${TRACE}-${SPAN}-00`

  it.effect("OT5 of what is not traced is the caller's own, past whatever spans there would have been", () =>
    Effect.gen(function* () {
      assert.strictEqual(yield* asked(false, given), given)
      assert.isUndefined(yield* asked(false, undefined))
    })
  )

  it.effect("OT5 of what is traced is of the span that asks", () =>
    Effect.gen(function* () {
      const told = yield* asked(true, given)
      assert.match(told ?? "", new RegExp(`^00-${TRACE}-[0-9a-f]{16}-01$`))
      assert.notInclude(told, SPAN)
      assert.match((yield* asked(true, undefined)) ?? "", /^00-[0-9a-f]{32}-[0-9a-f]{16}-01$/)
    })
  )
})
