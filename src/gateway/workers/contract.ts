/** What the workers of one server ask each other: a session lives in one of them, and a request may come to any. */

import { Schema } from "effect"
import { Rpc, RpcGroup } from "effect/rpc"
import { SignInNeeded, UpstreamRefused, UpstreamTooSlow, UpstreamUnavailable } from "../failures.ts"

const Failure = Schema.Union([UpstreamUnavailable, UpstreamTooSlow, UpstreamRefused, SignInNeeded])

const Whose = Schema.Struct({
  subject: Schema.String,
  grant: Schema.String,
  chat: Schema.optional(Schema.String)
})

/** Which mount is meant, and that both mean the same by it: files are read by each worker in its own time. */
const Of = { mount: Schema.String, fingerprint: Schema.String, whose: Whose }

/** Anything, as JSON in a text: it was read already, and is read again where it is used. */
const Json = Schema.String

const Progress = Schema.TaggedStruct("Progress", {
  done: Schema.Number,
  total: Schema.optional(Schema.Number),
  text: Schema.optional(Schema.String)
})
const Answered = Schema.TaggedStruct("Answered", { result: Json })
const Event = Schema.Union([Progress, Answered])
/** What is heard of a request that is on its way. */
export type Event = typeof Event.Type

const Status = Schema.Struct({
  mount: Schema.String,
  subject: Schema.optionalKey(Schema.String),
  key: Schema.String,
  state: Schema.Literals(["starting", "up", "down", "crash-loop"]),
  pid: Schema.optionalKey(Schema.Number),
  since: Schema.Number,
  lastUsed: Schema.Number,
  calls: Schema.Number
})

export class BetweenWorkers extends RpcGroup.make(
  Rpc.make("request", {
    payload: {
      ...Of,
      method: Schema.String,
      params: Json,
      isRepeatable: Schema.Boolean,
      mayAsk: Schema.optionalKey(Schema.Record(Schema.String, Schema.Unknown)),
      wantsProgress: Schema.Boolean,
      traceparent: Schema.optional(Schema.String)
    },
    success: Event,
    error: Failure,
    stream: true
  }),
  Rpc.make("discover", { payload: Of, success: Json, error: Failure }),
  Rpc.make("status", { success: Schema.Array(Status) }),
  Rpc.make("stderr", { payload: { mount: Schema.String }, success: Schema.Array(Schema.String) }),
  Rpc.make("restart", { payload: { mount: Schema.String } })
) {}
