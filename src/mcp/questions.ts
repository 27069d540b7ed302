/**
 * What a tool asks the person, as the 2026 era carries it: the call is answered by the question, and comes again with the answer
 * and with `requestState`, where the answers to earlier questions stand under our mark (MCP 2026-07-28, "Multi Round-Trip
 * Requests": "servers MUST integrity-protect it").
 */

import { Clock, Effect, Option, Record, Schema } from "effect"
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
export const CLIENT_CAPABILITIES = "io.modelcontextprotocol/clientCapabilities"

/** Whether this client can show a form: only the era of 2026 says so with each request. One that says no mode means that one. */
export const canAsk = (meta: unknown): boolean => {
  const capabilities = isObject(meta) ? meta[CLIENT_CAPABILITIES] : undefined
  const elicitation = isObject(capabilities) ? capabilities.elicitation : undefined
  return isObject(elicitation) && ("form" in elicitation || !("url" in elicitation))
}

const readState = Schema.decodeUnknownOption(State)

export const makeQuestions = Effect.fnUntraced(function* () {
  const keys = yield* ServerKeys
  /** Who was asked, and about what: to allow one call is not to allow another. */
  const about = (caller: Caller, tool: string, args: unknown) =>
    [caller.subject, caller.clientId, tool, JSON.stringify(args ?? {})] as const

  /** What was answered so far, of what this caller was asked about this call. What bears no mark of ours was not. */
  const answersOf = ({ inputResponses, requestState, name, arguments: args }: Members, caller: Caller) =>
    Effect.map(Clock.currentTimeMillis, (now): Members => {
      const given = isObject(inputResponses) ? inputResponses : {}
      if (typeof requestState !== "string" || requestState.length > MAX_STATE) return {}
      const [text = "", mark = ""] = requestState.split("~")
      if (!isMarkOf(keys, mark, PURPOSE, ...about(caller, String(name), args), text)) return {}
      const state = readState(Buffer.from(text, "base64url").toString())
      return Option.isSome(state) && state.value.until > now ? { ...given, ...state.value.answers } : {}
    })

  const ask = (
    { forms, kept }: Question,
    { tool, args, caller, answers }: { tool: string; args: unknown; caller: Caller; answers: Members }
  ) =>
    Effect.map(Clock.currentTimeMillis, (now): CallResult => {
      // What is asked again has no answer yet: the one that it had was none.
      const before = Object.fromEntries(Object.entries(answers).filter(([key]) => !Object.hasOwn(forms, key)))
      const state = JSON.stringify({ until: now + LIFETIME_MS, answers: { ...before, ...kept } })
      const text = Buffer.from(state).toString("base64url")
      return {
        resultType: "input_required",
        inputRequests: Record.map(forms, (form) => ({
          method: "elicitation/create",
          params: { mode: "form", ...form }
        })),
        requestState: `${text}~${markOf(keys, PURPOSE, ...about(caller, tool, args), text)}`
      }
    })

  return { answersOf, ask }
})

export type Questions = Effect.Success<ReturnType<typeof makeQuestions>>
