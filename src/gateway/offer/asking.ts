/**
 * What a mount asks in the middle of a call (MCP 2026-07-28, "Multi Round-Trip Requests"): a form for the person goes on to the client;
 * nothing else does, since what a mount would get of this client's model or files is nobody's to give away here.
 */

import { type Form, Question } from "../../toolsets/elicit.ts"
import { ToolFailure } from "../../toolsets/failure.ts"
import { isRecord } from "../../toolsets/jsonSchema.ts"
import { cut, visible } from "../../toolsets/untrusted.ts"

type Members = Readonly<Record<string, unknown>>

/** Where the mount's own state stands among the answers that come back under our mark. */
const STATE = "upstream state"
const MOST_FORMS = 10
const MOST_WORDS = 2000
/** It goes to the client and back, with each request. */
const MOST_STATE = 16 * 1024

const formOf = (title: string, request: unknown): Form | undefined => {
  const params = isRecord(request) && request.method === "elicitation/create" ? request.params : undefined
  if (!isRecord(params) || typeof params.message !== "string" || !isRecord(params.requestedSchema)) return undefined
  if (params.mode !== undefined && params.mode !== "form") return undefined
  if (JSON.stringify(params.requestedSchema).length > MOST_STATE) return undefined
  // Who asks is said by us: a mount may call itself anything.
  const message = `${title} asks: ${visible(cut(params.message, MOST_WORDS))}`
  return { message, requestedSchema: params.requestedSchema }
}

/** Whether a result is no answer yet. */
export const isQuestion = (result: Members): boolean => result.resultType === "input_required"

/** What to ask the person, or why nobody can. `canAsk` is of the client. */
export const questionOf = (
  title: string,
  { inputRequests, requestState }: Members,
  canAsk: boolean
): Question | ToolFailure => {
  const requests = Object.entries(isRecord(inputRequests) ? inputRequests : {})
  const forms = requests.flatMap(([key, request]) => {
    const form = formOf(title, request)
    return form === undefined ? [] : [[key, form] as const]
  })
  if (forms.length < requests.length || forms.length === 0 || forms.length > MOST_FORMS) {
    return new ToolFailure(
      `${title} asked for something in the middle of the call that cannot be passed on: only a form for the person can.`
    )
  }
  if (!canAsk) {
    return new ToolFailure(
      `${title} has to ask the person first, and this app cannot show questions: ${forms.map(([, { message }]) => message).join(" ")}`
    )
  }
  const isState = typeof requestState === "string" && requestState.length <= MOST_STATE
  if (requestState !== undefined && !isState)
    return new ToolFailure(`${title} asked a question with too much around it.`)
  return new Question(Object.fromEntries(forms), isState ? { [STATE]: requestState } : {})
}

/** What a mount gets of the answers of the person: its own state, and what was said to its questions. */
export const resumed = (answers: Members | undefined): Members => {
  if (answers === undefined) return {}
  const { [STATE]: requestState, ...inputResponses } = answers
  return {
    ...(Object.keys(inputResponses).length > 0 && { inputResponses }),
    ...(typeof requestState === "string" && { requestState })
  }
}
