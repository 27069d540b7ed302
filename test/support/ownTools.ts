/** A server with tools of one's own, and requests to it in both eras. */

import { assert } from "@effect/vitest"
import { Effect, Layer } from "effect"
import { PublicWeb } from "../../src/net/PublicWeb.ts"
import { type Given, Tools } from "../../src/toolsets/own/own.ts"
import { testApp } from "./app.ts"
import { messageOf, rpc } from "./client.ts"
import { TestDatabase } from "./postgres.ts"

export const ERAS = ["2025-11-25", "2026-07-28"] as const
export type Era = (typeof ERAS)[number]

/** The whole server with these beside the built-in ones. */
export const ownApp = (given: Given, variables: Readonly<Record<string, string>> = {}) =>
  testApp(TestDatabase.quick, variables, PublicWeb.layer, Tools(given).pipe(Layer.orDie))

const META = "io.modelcontextprotocol"

export interface AskedWith {
  readonly meta?: Readonly<Record<string, unknown>>
  /** What the client can do; only told in the era of 2026. */
  readonly capabilities?: object
}

/** A request as a client of this era makes it. */
export const send = (
  token: string | undefined,
  era: Era,
  method: string,
  params: Readonly<Record<string, unknown>> = {},
  { meta = {}, capabilities = {} }: AskedWith = {}
) => {
  if (era === "2025-11-25") {
    return rpc(token, method, Object.keys(meta).length === 0 ? params : { ...params, _meta: meta })
  }
  const _meta = {
    [`${META}/protocolVersion`]: era,
    [`${META}/clientCapabilities`]: capabilities,
    [`${META}/clientInfo`]: { name: "test", version: "1" },
    ...meta
  }
  const { name, uri } = params
  const target = method === "resources/read" ? uri : name
  return rpc(
    token,
    method,
    { ...params, _meta },
    {
      "mcp-protocol-version": era,
      "mcp-method": method,
      ...(typeof target === "string" && { "mcp-name": target })
    }
  )
}

/** What it is answered: a result, or an error. */
export const asked = (...request: Parameters<typeof send>) => Effect.map(send(...request), messageOf)

/** The result of a call, which is one. */
export const called = (token: string, name: string, args: object = {}) =>
  Effect.map(asked(token, "2025-11-25", "tools/call", { name, arguments: args }), ({ result, error }) => {
    assert.isUndefined(error, JSON.stringify(error))
    return result
  })
/** Its first words. */
export const wordsOf = (token: string, name: string, args: object = {}) =>
  Effect.map(called(token, name, args), ({ content }): string => content[0].text)
