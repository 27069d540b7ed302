/** A whole flow against a deployment: registers, asks a person, calls a tool, refreshes, and leaves nothing behind. */

import { createHash, randomBytes } from "node:crypto"
import { createServer } from "node:http"
import { Console, Deferred, Effect, Schema } from "effect"
import type { Diagnosis } from "./findings.ts"
import { type Probe, probe, summaryOf } from "./probe.ts"

/** Time for a person to sign in and consent. */
const PATIENCE = "5 minutes"

/** A step that did not work; the message is for the person at the terminal. */
export class StepFailed extends Schema.TaggedError<StepFailed>()("StepFailed", { message: Schema.String }) {}

const textOf = (value: unknown) => (typeof value === "string" ? value : "")
const randomText = () => randomBytes(32).toString("base64url")

/** Waits for the browser at a loopback port, as native clients do (RFC 8252 §7.3). */
const loopback = Effect.acquireRelease(
  Effect.callback<{
    readonly redirectUri: string
    readonly arrival: Deferred.Deferred<URL>
    readonly close: () => void
  }>((resume) => {
    const arrival = Deferred.makeUnsafe<URL>()
    const server = createServer((request, response) => {
      const url = new URL(request.url ?? "/", "http://127.0.0.1")
      if (url.pathname !== "/callback") return void response.writeHead(404).end()
      response.writeHead(200, { "content-type": "text/plain" }).end("Done. You may close this page.\n")
      Deferred.doneUnsafe(arrival, Effect.succeed(url))
    })
    server.listen(0, "127.0.0.1", () => {
      const address = server.address()
      const port = typeof address === "object" ? address?.port : 0
      resume(Effect.succeed({ redirectUri: `http://127.0.0.1:${port}/callback`, arrival, close: () => server.close() }))
    })
  }),
  ({ close }) => Effect.sync(close)
)

const expect = (step: string, answer: Probe, ok: boolean) =>
  ok
    ? Console.log(`  ok    ${step} (${answer.ms} ms)`)
    : Effect.fail(
        new StepFailed({
          message: `${step}: ${summaryOf(answer)} ${textOf(answer.json.error)} ${textOf(answer.json.error_description)}`
        })
      )

export const login = Effect.fn("doctor.login")(function* ({ metadata, mcp }: Diagnosis) {
  const { redirectUri, arrival } = yield* loopback
  const registration = yield* probe(textOf(metadata.registration_endpoint), {
    body: {
      client_name: "Gatehouse doctor",
      redirect_uris: [redirectUri],
      grant_types: ["authorization_code", "refresh_token"],
      token_endpoint_auth_method: "none"
    }
  })
  yield* expect("registers itself", registration, registration.status === 201)
  const { client_id, registration_client_uri, registration_access_token } = registration.json
  const forget = probe(textOf(registration_client_uri), {
    method: "DELETE",
    headers: { authorization: `Bearer ${textOf(registration_access_token)}` }
  })

  const flow = Effect.gen(function* () {
    const [verifier, state] = [randomText(), randomText()]
    const authorize = new URL(textOf(metadata.authorization_endpoint))
    authorize.search = new URLSearchParams({
      response_type: "code",
      client_id: textOf(client_id),
      redirect_uri: redirectUri,
      code_challenge: createHash("sha256").update(verifier).digest("base64url"),
      code_challenge_method: "S256",
      scope: "mcp.tools.call offline_access",
      resource: mcp,
      state
    }).toString()
    yield* Console.log(`\n  Open this in a browser, and allow it:\n\n  ${authorize.href}\n`)
    const arrived = yield* Deferred.await(arrival).pipe(
      Effect.timeoutOrElse({
        duration: PATIENCE,
        orElse: () => Effect.fail(new StepFailed({ message: "nobody came back from the browser within five minutes" }))
      })
    )
    const answer = arrived.searchParams
    const refused = answer.get("error")
    if (refused !== null) return yield* new StepFailed({ message: `the request was refused: ${refused}` })
    if (answer.get("state") !== state) return yield* new StepFailed({ message: "state came back changed" })
    if (answer.get("iss") !== metadata.issuer) return yield* new StepFailed({ message: "iss is not the issuer" })

    const requestToken = (form: Readonly<Record<string, string>>) =>
      probe(textOf(metadata.token_endpoint), { form: { client_id: textOf(client_id), resource: mcp, ...form } })
    const tokens = yield* requestToken({
      grant_type: "authorization_code",
      code: answer.get("code") ?? "",
      code_verifier: verifier,
      redirect_uri: redirectUri
    })
    yield* expect("trades the code for tokens", tokens, tokens.status === 200)

    const call = (accessToken: unknown, method: string, params: object) =>
      probe(mcp, {
        body: { jsonrpc: "2.0", id: 1, method, params },
        headers: {
          accept: "application/json, text/event-stream",
          authorization: `Bearer ${textOf(accessToken)}`,
          "mcp-protocol-version": "2025-11-25"
        }
      })
    const listed = yield* call(tokens.json.access_token, "tools/list", {})
    yield* expect("lists the tools", listed, listed.status === 200 && listed.text.includes('"calculator"'))
    const sum = yield* call(tokens.json.access_token, "tools/call", {
      name: "calculator",
      arguments: { expression: "0.1 + 0.2" }
    })
    yield* expect("calls one: 0.1 + 0.2 = 0.3", sum, sum.text.includes('"result":"0.3"'))
    const refreshed = yield* requestToken({
      grant_type: "refresh_token",
      refresh_token: textOf(tokens.json.refresh_token)
    })
    yield* expect("refreshes", refreshed, refreshed.status === 200)
    const listedAgain = yield* call(refreshed.json.access_token, "tools/list", {})
    yield* expect("goes on with the new token", listedAgain, listedAgain.status === 200)
  })
  yield* Effect.onError(flow, () => forget)
  const forgotten = yield* forget
  yield* expect("leaves nothing behind", forgotten, forgotten.status === 204)
}, Effect.scoped)
