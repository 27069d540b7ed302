import { createServer } from "node:http"
import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { judge } from "../../src/doctor/clients.ts"
import { diagnose } from "../../src/doctor/findings.ts"
import { freePort, TestApp, testApp } from "../support/app.ts"
import { rowCounts } from "../support/client.ts"
import { TestDatabase } from "../support/postgres.ts"
import { run, said, start } from "../support/program.ts"

const failedOf = Effect.fn("failedOf")(function* (variables: Readonly<Record<string, string>>) {
  return yield* Effect.gen(function* () {
    const { baseUrl } = yield* TestApp
    const { findings } = yield* diagnose(baseUrl)
    const unable = judge(findings).flatMap(({ client, by }) => (by === undefined ? [client] : []))
    return { failed: findings.filter(({ ok }) => !ok).map(({ id }) => id), unable }
  }).pipe(Effect.provide(testApp(TestDatabase.quick, variables)))
})

describe("doctor", () => {
  it.live(
    "finds nothing wrong with a server but that it is local, and says what each setting takes away",
    () =>
      Effect.gen(function* () {
        const well = yield* failedOf({})
        assert.deepStrictEqual(well, { failed: ["public"], unable: ["ChatGPT", "Claude"] })
        const closed = yield* failedOf({ DYNAMIC_REGISTRATION: "off" })
        assert.deepStrictEqual(closed.failed, ["public", "registration"])
        assert.includeMembers(closed.unable, ["Cursor", "MCP Inspector", "mcp-remote"])
        assert.notInclude(closed.unable, "Codex")
        const neither = yield* failedOf({ DYNAMIC_REGISTRATION: "off", CLIENT_ID_METADATA_DOCUMENTS: "false" })
        assert.lengthOf(neither.unable, 8)
        const noBrowsers = yield* failedOf({
          CORS_ORIGINS: "https://app.example",
          MCP_ALLOWED_ORIGINS: "https://app.example"
        })
        assert.deepStrictEqual(noBrowsers.failed, ["public", "cors"])
        const inspector = yield* failedOf({
          CORS_ORIGINS: "http://localhost:6274",
          MCP_ALLOWED_ORIGINS: "https://x.example"
        })
        assert.deepStrictEqual(inspector.failed, ["public"])
        // Behind an address that the server does not know, its metadata leads elsewhere.
        const elsewhere = yield* failedOf({ BASE_URL: "http://localhost:1" })
        assert.includeMembers(elsewhere.failed, ["challenge", "resource-exact", "issuer-exact"])
      }),
    { timeout: 180_000 }
  )

  it.live(
    "is a program: exit code 1 with a reason, and --login walks a whole flow and leaves nothing behind",
    () =>
      Effect.gen(function* () {
        const { baseUrl } = yield* TestApp
        const nobody = yield* run("app/programs/doctor.ts", {}, [`http://localhost:${yield* freePort}`])
        assert.strictEqual(nobody.code, 1)
        assert.match(nobody.output, /FAIL {2}the server answers: no answer/)
        assert.strictEqual((yield* run("app/programs/doctor.ts", {}, ["not a url"])).code, 1)

        const before = yield* rowCounts()
        const doctor = yield* start("app/programs/doctor.ts", {}, { args: [baseUrl, "--login"] })
        const [url] = yield* said(doctor, /http\S+\/authorize\?\S+(?=\n)/)
        yield* Effect.promise(() => fetch(url))
        yield* doctor.exited
        assert.include(doctor.output(), "ok    calls one: 0.1 + 0.2 = 0.3")
        assert.include(doctor.output(), "ok    leaves nothing behind")
        const after = yield* rowCounts()
        assert.deepStrictEqual({ ...after, decisions: 0, audit: 0 }, { ...before, decisions: 0, audit: 0 })
      }).pipe(Effect.scoped, Effect.provide(testApp(TestDatabase.quick, { AUTO_APPROVE: "true" }))),
    { timeout: 180_000 }
  )

  it.live("says what a proxy that answers in the server's place takes away", () =>
    Effect.gen(function* () {
      const port = yield* freePort
      const server = createServer((_, response) =>
        response.writeHead(200, { "content-type": "text/html" }).end("<html>")
      )
      yield* Effect.acquireRelease(
        Effect.callback<void>((resume) => {
          server.listen(port, "127.0.0.1", () => resume(Effect.void))
        }),
        () => Effect.sync(() => server.close())
      )
      const { findings } = yield* diagnose(`http://127.0.0.1:${port}`)
      const challenge = findings.find(({ id }) => id === "challenge")
      assert.strictEqual(challenge?.reason, "it answered 200")
      assert.isTrue(judge(findings).every(({ by }) => by === undefined))
    }).pipe(Effect.scoped)
  )
})
