/**
 * Questions to the person while a tool works (MCP 2026-07-28, "Multi Round-Trip Requests"). No server waits for the answer: the call is
 * answered by the question, and comes again with what was answered; the tool then runs anew from its beginning.
 */

import { ToolFailure } from "./failure.ts"
import { type AnySchema, type InputOf, inputOf } from "./schemas.ts"

export interface Asked<S extends AnySchema> {
  /** What the person reads. */
  readonly message: string
  /** A flat object of texts, numbers, flags and choices: what a client can show as a form. */
  readonly schema: S
}

/** What the person did. */
export type Elicited<A> = { readonly action: "accept"; readonly content: A } | { readonly action: "decline" | "cancel" }

/** A form that the person is shown. */
export interface Form {
  readonly message: string
  readonly requestedSchema: Readonly<Record<string, unknown>>
}

/** Ends a run that has to ask; thrown, so that nothing after it is done. What is kept is among the answers of the next one. */
export class Question {
  readonly forms: Readonly<Record<string, Form>>
  readonly kept: Readonly<Record<string, unknown>>
  constructor(forms: Readonly<Record<string, Form>>, kept: Readonly<Record<string, unknown>> = {}) {
    this.forms = forms
    this.kept = kept
  }
}

const ofAction = (answer: unknown): { readonly action: unknown; readonly content: unknown } =>
  typeof answer === "object" && answer !== null
    ? { action: Reflect.get(answer, "action"), content: Reflect.get(answer, "content") }
    : { action: undefined, content: undefined }

/** Asks for one run of a tool, with what was answered before it: the questions of a run are told apart by their order. */
export const makeElicit = (answers: Readonly<Record<string, unknown>> | undefined) => {
  let count = 0
  return async <const S extends AnySchema>({ message, schema }: Asked<S>): Promise<Elicited<InputOf<S>>> => {
    if (answers === undefined) {
      throw new ToolFailure(
        "This has to be asked of the person, and this app cannot show questions. Say it in the arguments."
      )
    }
    const key = `q${++count}`
    const { jsonSchema, read } = inputOf(schema)
    if (!Object.hasOwn(answers, key)) throw new Question({ [key]: { message, requestedSchema: jsonSchema } })
    const { action, content } = ofAction(answers[key])
    if (action !== "accept") return { action: action === "decline" ? "decline" : "cancel" }
    const result = await read(content)
    if (result._tag === "Failure") throw new Question({ [key]: { message, requestedSchema: jsonSchema } })
    // Read by this very schema.
    return { action: "accept", content: result.success as InputOf<S> }
  }
}
