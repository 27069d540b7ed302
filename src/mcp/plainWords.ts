/**
 * The SDK answers a request of the wrong shape with its validator's whole report, mostly as an internal error. It is the
 * caller's error, and is told in a sentence (JSON-RPC 2.0 §5.1).
 */

import type { JSONRPCMessage, McpServer } from "@modelcontextprotocol/server"
import { Option, Schema } from "effect"
import { INTERNAL_ERROR, INVALID_PARAMS } from "./message.ts"

const MAX_PROBLEMS = 3
const MAX_NAME = 80

/** As much of a report as is told. */
const Report = Schema.fromJsonString(
  Schema.Array(
    Schema.Struct({ path: Schema.Array(Schema.Union([Schema.String, Schema.Number])), message: Schema.String })
  )
)
const readReport = Schema.decodeUnknownOption(Report)

/** A message as the SDK would send it, without a report. */
const inPlainWords = (message: JSONRPCMessage): JSONRPCMessage => {
  if (!("error" in message)) return message
  const { message: words } = message.error
  const report = readReport(words.slice(Math.max(0, words.indexOf("[\n  {"))))
  if (Option.isNone(report)) return message
  const isCallers = report.value.every(({ path }) => path[0] === "params")
  const problems = report.value.slice(0, MAX_PROBLEMS).map(({ path, message }) => {
    const name = path.length > 1 ? path.slice(1).join(".").slice(0, MAX_NAME) : "params"
    return `"${name}" ${message.endsWith("received undefined") ? "is required" : "is not of the right type"}`
  })
  const error = isCallers
    ? { code: INVALID_PARAMS, message: `Invalid params: ${problems.join("; ")}` }
    : { code: INTERNAL_ERROR, message: "Internal error" }
  return { ...message, error }
}

/** Lets a server speak in plain words, whatever it is connected to. */
export const speakPlainly = (server: McpServer) => {
  const connect = server.connect.bind(server)
  server.connect = (transport) => {
    const send = transport.send.bind(transport)
    transport.send = (message, options) => send(inPlainWords(message), options)
    return connect(transport)
  }
}
