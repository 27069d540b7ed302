import { assert, layer } from "@effect/vitest"
import { Effect } from "effect"
import { testApp } from "../support/app.ts"
import { call, obtainTokens, refresh, request } from "../support/client.ts"
import { capturedLogs } from "../support/logs.ts"
import { browserOf, somebody, visitPage } from "../support/people.ts"
import { TestDatabase } from "../support/postgres.ts"

const app = testApp(TestDatabase.quick, {
  LOG_LEVEL: "info",
  LOG_FORMAT: "json",

  WORKER: "2",
  WORKER_SOCKETS: "/tmp"
})

layer(app, { excludeTestServices: true, timeout: "2 minutes" })("a request in the log", (it) => {
  it.effect("LG1 has its id, the client, the person and the worker, and never a token", () =>
    Effect.gen(function* () {
      const { lines, find } = yield* capturedLogs
      const tokens = yield* obtainTokens()
      const of = (path: string) =>
        find(({ message, annotations }) => message === "request" && annotations.path === path)
      const issued = (yield* of("/token"))?.annotations
      assert.strictEqual(issued?.client_id, "demo")
      assert.isString(issued?.person)
      assert.match(String(issued?.request_id), /^[0-9a-f-]{36}$/)
      yield* call(tokens.access_token, "calculator", { expression: "1+1" })
      const called = (yield* of("/mcp"))?.annotations
      assert.deepInclude(called, { client_id: "demo", person: issued?.person, worker: 2 })
      yield* refresh(tokens.refresh_token)
      yield* request("/mcp", { method: "POST", headers: { authorization: "Bearer wrong" } })
      const refused = yield* find(({ annotations }) => annotations.path === "/mcp" && annotations.status === 401)
      assert.notProperty(refused?.annotations, "person")
      const ada = yield* somebody("Ada")
      yield* visitPage("/account", (yield* browserOf(ada.id)).cookie)
      assert.strictEqual((yield* of("/account"))?.annotations.person, ada.id)
      const all = JSON.stringify(lines)
      for (const secret of [tokens.access_token, tokens.refresh_token, "Bearer"]) assert.notInclude(all, secret)
      for (const { annotations } of lines) assert.strictEqual(annotations.worker, 2)
    }).pipe(Effect.scoped)
  )
})
