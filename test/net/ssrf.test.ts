/**
 * Every way out that a stranger can point somewhere, and every spelling of somewhere inside: one table. Inside stands a server that
 * counts who connects, at the port of a public one.
 */

import { randomUUID } from "node:crypto"
import { createServer } from "node:net"
import { assert, describe, it } from "@effect/vitest"
import { Context, Effect, Layer } from "effect"
import { generateKeyPair, SignJWT } from "jose"
import { Asking } from "../../src/gateway/vault/Asking.ts"
import { makeGuardedFetch } from "../../src/net/guardedFetch.ts"
import { PublicWeb, type PublicWebOptions } from "../../src/net/PublicWeb.ts"
import { isPublicAddress } from "../../src/net/specialUse.ts"
import { TestApp, testApp } from "../support/app.ts"
import { authorizeParameters, call, getAuthorize, newPkce, obtainTokens, postForm, request } from "../support/client.ts"
import { TestDatabase } from "../support/postgres.ts"
import { CERTIFICATE, jsonPage, testWeb } from "../support/publicWeb.ts"
import { SPECIAL_ADDRESSES } from "../support/specialAddresses.ts"

/** What stands for the public web: a loopback address that nobody inside has. */
const PUBLIC = "127.0.0.2"
/** Another one, where nobody answers, so that whoever has a second address tries that. */
const DEAF = "127.0.0.3"
/** What a URL's host may look like for one of this machine. */
const DISGUISES = [
  "127.0.0.1",
  "127.1",
  "127.0.1",
  "2130706433",
  "0x7f000001",
  "0x7f.1",
  "0177.0.0.1",
  "0.0.0.0",
  "0",
  "%31%32%37.0.0.1",
  "127。0。0。1",
  "①②⑦.0.0.1",
  "localhost",
  "localhost.",
  "[::]",
  "[::1]",
  "[0:0:0:0:0:0:0:1]",
  "[::ffff:127.0.0.1]",
  "[::ffff:7f00:1]",
  "[::127.0.0.1]",
  "[64:ff9b::127.0.0.1]",
  "[2002:7f00:1::]"
]

/** A port of the public server's, where whoever connects to this machine by its own addresses is counted. */
const counted = Effect.fn("test.counted")(function* (port: number) {
  let connections = 0
  for (const host of ["127.0.0.1", "::1"]) {
    const server = createServer((socket) => {
      connections++
      socket.destroy()
    })
    yield* Effect.acquireRelease(
      Effect.callback<void>((resume) => {
        // A machine without IPv6 cannot be reached by it either.
        server.once("error", () => resume(Effect.void))
        server.listen(port, host, () => resume(Effect.void))
      }),
      () => Effect.sync(() => void server.close())
    )
  }
  return () => connections
})

/** What it does with an address that a stranger named. Nothing fails by what it answers. */
type GoOut<R = never> = (url: string) => Effect.Effect<unknown, never, R>

/** What all requests to such addresses pass in the end. */
const doors = (options: PublicWebOptions) =>
  Effect.gen(function* () {
    const context = yield* Layer.build(Layer.merge(PublicWeb.layerOf(options), Asking.layerOf(options)))
    const [web, asking] = [Context.get(context, PublicWeb), Context.get(context, Asking)]
    const guarded = yield* makeGuardedFetch(options)
    const mount = { mayBePrivate: false, maxBytes: 1000 }
    return {
      documents: (url) => Effect.ignore(web.get({ url, accept: "*/*", maxBytes: 1000, timeout: "10 seconds" })),
      mounts: (url) => Effect.promise(() => guarded(new URL(url), {}, mount).catch(() => undefined)),
      "the sign-in of mounts": (url) => Effect.ignore(asking.ask(url, false))
    } satisfies Readonly<Record<string, GoOut>>
  })

/** Each request comes from elsewhere: no one address may make us fetch so often. */
let callers = 0
const elsewhere = () => ({ "x-forwarded-for": `198.51.100.${++callers % 250}` })

/** The ways to them that are open to whoever talks to the server. */
const ROUTES: Readonly<Record<string, GoOut<TestApp>>> = {
  "a client's document": (url) =>
    getAuthorize(authorizeParameters(newPkce().challenge, { client_id: url }), elsewhere()),
  "a client's keys": (url) =>
    Effect.gen(function* () {
      const { baseUrl } = yield* TestApp
      const { body } = yield* request("/register", {
        method: "POST",
        headers: { "content-type": "application/json", ...elsewhere() },
        body: JSON.stringify({
          redirect_uris: ["http://127.0.0.1:4711/callback"],
          token_endpoint_auth_method: "private_key_jwt",
          jwks_uri: url
        })
      })
      if (body.client_id === undefined) return
      const client_assertion = yield* Effect.promise(async () => {
        const { privateKey } = await generateKeyPair("ES256")
        const claims = { iss: body.client_id, sub: body.client_id, aud: baseUrl, jti: randomUUID() }
        const jwt = new SignJWT(claims).setProtectedHeader({ alg: "ES256", kid: "a" }).setExpirationTime("1m")
        return jwt.sign(privateKey)
      })
      const client_assertion_type = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
      yield* postForm("/token", { client_assertion_type, client_assertion }, elsewhere())
    }),
  "the tool fetch": (url) =>
    Effect.gen(function* () {
      const { access_token } = yield* obtainTokens({ scope: "mcp.tools.call mcp.web.read" })
      yield* call(access_token, "fetch", { id: url })
    })
}

const web = Effect.gen(function* () {
  const site = yield* testWeb({}, PUBLIC)
  const connections = yield* counted(site.port)
  let lookups = 0
  const addressesOf = (host: string): ReadonlyArray<string> => {
    const index = /^special-(\d+)\./.exec(host)?.[1]
    if (index !== undefined) return [SPECIAL_ADDRESSES[Number(index)] ?? ""]
    if (host === "first.example") return [DEAF, "127.0.0.1"]
    if (host === "last.example") return ["127.0.0.1", PUBLIC]
    // Public when it is judged, and inside when somebody looks again.
    if (host === "other.example") return lookups++ % 2 === 0 ? [PUBLIC] : ["127.0.0.1"]
    return host === "client.example" ? [PUBLIC] : []
  }
  const options: PublicWebOptions = {
    resolve: (host, callback) => {
      const addresses = addressesOf(host)
      if (addresses.length === 0) return callback(new Error("no such name"), [])
      callback(
        null,
        addresses.map((address) => ({ address, family: address.includes(":") ? 6 : 4 }))
      )
    },
    isPublic: (address) => address === PUBLIC || address === DEAF || isPublicAddress(address),
    ca: CERTIFICATE
  }
  return { site, connections, options }
})

const NAMES = [...SPECIAL_ADDRESSES.map((_, index) => `special-${index}.example`), "first.example", "last.example"]

/** Every address leads nowhere, and neither does a page that leads to one. */
const leadsNowhere = Effect.fn("test.leadsNowhere")(function* <R>(
  { site, connections }: Effect.Success<typeof web>,
  goOut: GoOut<R>,
  hosts: ReadonlyArray<string>
) {
  const inside = hosts.flatMap((host) => [`https://${host}:${site.port}/x`, `http://${host}:${site.port}/x`])
  site.pages["/again"] = jsonPage({})
  for (const url of [...inside, site.url("/again", "other.example"), site.url("/again", "other.example")]) {
    yield* goOut(url)
    assert.strictEqual(connections(), 0, url)
  }
  const asked = site.asked.length
  for (const [index, location] of inside.entries()) {
    // Bytes of UTF-8, as servers send them.
    const headers = { location: Buffer.from(location).toString("latin1") }
    site.pages[`/${index}`] = (response) => void response.writeHead(302, headers).end()
    yield* goOut(site.url(`/${index}`))
    assert.strictEqual(connections(), 0, `redirected to ${location}`)
  }
  // It does go out.
  assert.strictEqual(site.asked.length, asked + inside.length)
})

describe("requests to inside", () => {
  it.live(
    "CM4 CM5 CM6 no door leads there, by no address, name, second look-up or redirect",
    () =>
      Effect.gen(function* () {
        const world = yield* web
        for (const goOut of Object.values(yield* doors(world.options))) {
          yield* leadsNowhere(world, goOut, [...DISGUISES, ...NAMES])
        }
      }).pipe(Effect.scoped),
    120_000
  )

  for (const [route, goOut] of Object.entries(ROUTES)) {
    it.live(
      `CM4 CM5 CM6 ${route} cannot lead there`,
      () =>
        Effect.gen(function* () {
          const world = yield* web
          yield* leadsNowhere(world, goOut, ["127.0.0.1", "[::ffff:127.0.0.1]", "localhost", "special-2.example"]).pipe(
            Effect.provide(
              testApp(TestDatabase.quick, { TRUST_PROXY: "127.0.0.0/8,::1" }, PublicWeb.layerOf(world.options))
            )
          )
        }).pipe(Effect.scoped),
      60_000
    )
  }
})
