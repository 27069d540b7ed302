/**
 * What a tool asks the person, as the 2026 era carries it: the call is answered by the question, and comes again with the answer
 * and with `requestState`, where the answers to earlier questions stand under our mark (MCP 2026-07-28, "Multi Round-Trip
 * Requests": "servers MUST integrity-protect it").
 */

import { Clock, Effect, Option, Schema } from "effect"
import { isMarkOf, markOf } from "../oauth/tokens/mark.ts"
import { ServerKeys } from "../oauth/tokens/ServerKeys.ts"
import type { Question } from "../toolsets/elicit.ts"
import type { Caller } from "../toolsets/tool.ts"
import type { CallResult } from "./answers.ts"
import { isObject, type Members } from "./message.ts"

/** For how long a person may think about it. */
const LIFETIME_MS = 10 * 60_000
const PURPOSE = "question"
/** What people answer in a form, and no more. */
const MAX_STATE = 64 * 1024

const State = Schema.fromJsonString(
  Schema.Struct({ until: Schema.Finite, answers: Schema.Record(Schema.String, Schema.Unknown) })
)
const readState = Schema.decodeUnknownOption(State)

export const makeQuestions = Effect.fnUntraced(function* () {
  const keys = yield* ServerKeys
  const whose = (caller: Caller, tool: string) => [caller.subject, caller.clientId, tool] as const

  /** What was answered so far, of what this caller was asked by this tool. What bears no mark of ours was not. */
  const answersOf = ({ inputResponses, requestState, name }: Members, caller: Caller) =>
    Effect.map(Clock.currentTimeMillis, (now): Members => {
      const given = isObject(inputResponses) ? inputResponses : {}
      if (typeof requestState !== "string" || requestState.length > MAX_STATE) return {}
      const [text = "", mark = ""] = requestState.split("~")
      if (!isMarkOf(keys, mark, PURPOSE, ...whose(caller, String(name)), text)) return {}
      const state = readState(Buffer.from(text, "base64url").toString())
      return Option.isSome(state) && state.value.until > now ? { ...given, ...state.value.answers } : {}
    })

  const ask = ({ key, message, requestedSchema }: Question, tool: string, caller: Caller, answers: Members) =>
    Effect.map(Clock.currentTimeMillis, (now): CallResult => {
      const state = JSON.stringify({ until: now + LIFETIME_MS, answers })
      const text = Buffer.from(state).toString("base64url")
      return {
        resultType: "input_required",
        inputRequests: { [key]: { method: "elicitation/create", params: { mode: "form", message, requestedSchema } } },
        requestState: `${text}~${markOf(keys, PURPOSE, ...whose(caller, tool), text)}`
      }
    })

  return { answersOf, ask }
})

export type Questions = Effect.Success<ReturnType<typeof makeQuestions>>
