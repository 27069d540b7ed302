/**
 * Batches, which revision 2025-03-26 has and no other ("a server MUST support receiving them"). That revision knows no
 * version header yet, so its clients send none, or name it.
 */

import { Effect } from "effect"
import { HttpServerResponse } from "effect/http"
import type { Accepted } from "../web/accept.ts"
import { asEvents, asJson } from "./framing.ts"
import { envelopeOf, INVALID_REQUEST, isObject, rpcError } from "./message.ts"

/** What one request may ask for in all, and at a time. */
const MOST = 32
const AT_A_TIME = 4

const utf8 = new TextDecoder()

/** Why a batch is not served at all. */
export const refusalOf = (batch: ReadonlyArray<unknown>, version: string | undefined): string | undefined => {
  if (version !== undefined && version !== "2025-03-26") return "Batches are not supported by this revision"
  if (batch.length === 0) return "The batch is empty"
  if (batch.length > MOST) return `The batch holds more than ${MOST} messages`
  return batch.some((message) => envelopeOf(message).method === "initialize")
    ? "initialize must not be part of a batch"
    : undefined
}

const notAMessage = rpcError(400, INVALID_REQUEST, "A member of the batch is no JSON-RPC message")

/** The message of an answer to one member; a notification has none. */
const messageOf = ({ body }: HttpServerResponse.HttpServerResponse): ReadonlyArray<string> =>
  body._tag === "Uint8Array" && body.body.length > 0 ? [utf8.decode(body.body)] : []

/** Answers the members one by one, each as if it had come alone; `one` answers in JSON. */
export const answerBatch = <E, R>(
  batch: ReadonlyArray<unknown>,
  accepted: Accepted,
  one: (message: unknown) => Effect.Effect<HttpServerResponse.HttpServerResponse, E, R>
) =>
  Effect.forEach(batch, (message) => (isObject(message) ? one(message) : Effect.succeed(notAMessage)), {
    concurrency: AT_A_TIME
  }).pipe(
    Effect.map((answers) => {
      const messages = answers.flatMap(messageOf)
      if (messages.length === 0) return HttpServerResponse.empty({ status: 202 })
      return accepted.json ? asJson(`[${messages.join(",")}]`) : asEvents(messages)
    })
  )
