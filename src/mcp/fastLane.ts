/**
 * The plain requests of both eras, answered without the SDK: no server object, no web request, no stream. Whatever is
 * not plain, valid and complete is left to the SDK, so that there is one judge of what is wrong with a message. What is
 * answered here is what the SDK would have answered, which `test/mcp/fastLane.test.ts` holds against it.
 *
 * Answers are put together as text: the lists are serialised once for what is offered.
 */

import { Effect } from "effect"
import { type Headers, HttpServerResponse } from "effect/http"
import type { Offering } from "../toolsets/Toolset.ts"
import type { Caller, Carrier } from "../toolsets/tool.ts"
import { type CallResult, call, capabilitiesOf, LISTS, listingsOf, SERVER } from "./answers.ts"
import { asJson } from "./framing.ts"
import { chatOf, hasOnly, isObject, type Members } from "./message.ts"
import { CLIENT_CAPABILITIES, canAsk, type Questions } from "./questions.ts"

const MODERN = "2026-07-28"
/** The newest first: it is what a client gets that asks for one that nobody knows. */
const LEGACY = ["2025-11-25", "2025-06-18", "2025-03-26", "2024-11-05", "2024-10-07"]

const MESSAGE = new Set(["jsonrpc", "id", "method", "params"])
const LIST = new Set(["_meta"])
const CALL = new Set(["name", "arguments", "_meta"])
const INITIALIZE = new Set(["protocolVersion", "capabilities", "clientInfo", "_meta"])
const ENVELOPE = "io.modelcontextprotocol/"
const VERSION = `${ENVELOPE}protocolVersion`
const CLIENT_INFO = `${ENVELOPE}clientInfo`

const ACCEPTED = HttpServerResponse.empty({ status: 202 })

const isText = (value: unknown) => typeof value === "string"
/** `{name, version}`, and further strings. */
const isImplementation = (value: unknown) =>
  isObject(value) && isText(value.name) && isText(value.version) && Object.values(value).every(isText)
/** Capabilities as clients write them: empty ones, or with `listChanged`. */
const isCapabilities = (value: unknown) =>
  isObject(value) &&
  Object.entries(value).every(
    ([name, capability]) =>
      ["roots", "sampling", "elicitation"].includes(name) &&
      isObject(capability) &&
      Object.entries(capability).every(
        ([key, flag]) => name === "roots" && key === "listChanged" && typeof flag === "boolean"
      )
  )

/** No progress asked for, and nothing of the other era. */
const isPlainMeta = (meta: unknown) =>
  meta === undefined ||
  (isObject(meta) && meta.progressToken === undefined && !Object.keys(meta).some((key) => key.startsWith(ENVELOPE)))

const isModernMeta = (meta: unknown): meta is Members =>
  isObject(meta) &&
  meta[VERSION] === MODERN &&
  isCapabilities(meta[CLIENT_CAPABILITIES]) &&
  (meta[CLIENT_INFO] === undefined || isImplementation(meta[CLIENT_INFO])) &&
  meta.progressToken === undefined &&
  Object.keys(meta).every(
    (key) => !key.startsWith(ENVELOPE) || key === VERSION || key === CLIENT_CAPABILITIES || key === CLIENT_INFO
  )

/** A request as the gate hands it on. `denied` is the result of its call of a tool when that needs more than was granted. */
export interface Passed {
  readonly message: unknown
  readonly headers: Headers.Headers
  readonly caller: Caller
  readonly denied: CallResult | undefined
}

type Id = string | number

/** What a plain request carries: no progress, and nothing answered yet. */
const SILENT: Carrier = {}
const ASKING: Carrier = { answers: {} }
const carrierOf = (headers: Headers.Headers, meta: unknown, modern: boolean): Carrier => {
  const plain = modern && canAsk(meta) ? ASKING : SILENT
  const chat = chatOf(headers, meta)
  return chat === undefined ? plain : { ...plain, chat }
}

/** The fast lane over what is offered. It answers a plain request, and nothing when that is one for the SDK. */
export const makeFastLane = (offering: Offering, questions: Questions) => {
  const tools = new Map<unknown, Offering["tools"][number]>(offering.tools.map((tool) => [tool.name, tool]))
  const { instructions } = offering
  const capabilities = capabilitiesOf(offering)
  const listings = listingsOf(offering)
  // What every result of the 2026 era carries.
  const complete = {
    resultType: "complete",
    _meta: { "io.modelcontextprotocol/serverInfo": SERVER }
  }
  const completeText = JSON.stringify(complete).slice(1)
  const LISTED = JSON.stringify({ tools: listings })
  const LISTED_MODERN = JSON.stringify({ tools: listings, ...LISTS, ...complete })
  const DISCOVERED = JSON.stringify({
    supportedVersions: [MODERN],
    capabilities,
    instructions,
    ...LISTS,
    ...complete
  })
  const initialized = (version: string) =>
    JSON.stringify({
      protocolVersion: LEGACY.includes(version) ? version : LEGACY[0],
      capabilities,
      serverInfo: SERVER,
      instructions
    })

  const respond = (id: Id, result: string) =>
    asJson(`{"jsonrpc":"2.0","id":${typeof id === "number" ? id : JSON.stringify(id)},"result":${result}}`)

  /** A call's result as the 2026 era wants it. */
  const inModernWords = (result: CallResult) =>
    // A challenge brings a `_meta` of its own, and a question a type, so there the members have to be merged.
    result._meta === undefined && result.resultType === undefined
      ? `${JSON.stringify(result).slice(0, -1)},${completeText}`
      : JSON.stringify({ ...complete, ...result, _meta: { ...complete._meta, ...Object(result._meta) } })

  /** Calls a tool of ours; nothing when the call is not plain. */
  const called = (id: Id, params: Members, { caller, denied, headers }: Passed, modern: boolean) => {
    const tool = tools.get(params.name)
    const isPlain = hasOnly(params, CALL) && (params.arguments === undefined || isObject(params.arguments))
    if (tool === undefined || !isPlain) return undefined
    const result =
      denied === undefined
        ? call(tool, params.arguments, caller, carrierOf(headers, params._meta, modern), (question) =>
            questions.ask(question, { tool: tool.name, args: params.arguments, caller, answers: {} })
          )
        : Effect.succeed(denied)
    return Effect.map(result, (result) => respond(id, modern ? inModernWords(result) : JSON.stringify(result)))
  }

  const legacy = (id: Id | undefined, method: unknown, params: Members, request: Passed) => {
    if (!isPlainMeta(params._meta)) return undefined
    if (id === undefined) {
      const isNotification = method === "notifications/initialized" && hasOnly(params, LIST)
      return isNotification ? Effect.succeed(ACCEPTED) : undefined
    }
    switch (method) {
      case "tools/call":
        return called(id, params, request, false)
      case "tools/list":
        return hasOnly(params, LIST) ? Effect.succeed(respond(id, LISTED)) : undefined
      case "ping":
        return hasOnly(params, LIST) ? Effect.succeed(respond(id, "{}")) : undefined
      case "initialize": {
        const { protocolVersion, capabilities, clientInfo } = params
        const isPlain = hasOnly(params, INITIALIZE) && isCapabilities(capabilities) && isImplementation(clientInfo)
        return isPlain && typeof protocolVersion === "string"
          ? Effect.succeed(respond(id, initialized(protocolVersion)))
          : undefined
      }
      default:
        return undefined
    }
  }

  const modern = (id: Id | undefined, method: unknown, params: Members, request: Passed) => {
    const { headers } = request
    if (id === undefined || headers["mcp-method"] !== method || !isModernMeta(params._meta)) return undefined
    switch (method) {
      case "tools/call":
        return headers["mcp-name"] === params.name ? called(id, params, request, true) : undefined
      case "tools/list":
        return hasOnly(params, LIST) ? Effect.succeed(respond(id, LISTED_MODERN)) : undefined
      case "server/discover":
        return hasOnly(params, LIST) ? Effect.succeed(respond(id, DISCOVERED)) : undefined
      default:
        return undefined
    }
  }

  return (request: Passed): Effect.Effect<HttpServerResponse.HttpServerResponse> | undefined => {
    const { message, headers } = request
    if (!isObject(message) || message.jsonrpc !== "2.0" || !hasOnly(message, MESSAGE)) return undefined
    const { id, method, params = {} } = message
    if (!(id === undefined || typeof id === "string" || (typeof id === "number" && Number.isSafeInteger(id))))
      return undefined
    if (!isObject(params)) return undefined
    const version = headers["mcp-protocol-version"]
    if (version === MODERN) return modern(id, method, params, request)
    return version === undefined || LEGACY.includes(version) ? legacy(id, method, params, request) : undefined
  }
}
