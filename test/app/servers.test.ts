import { PgClient } from "@effect/sql-pg"
import { assert, describe, it } from "@effect/vitest"
import { Context, Effect, Layer } from "effect"
import { ServerConfig } from "../../src/config/ServerConfig.ts"
import { Catalogue } from "../../src/gateway/catalogue/Catalogue.ts"
import { mountOf } from "../support/mounts.ts"
import { clientOf, migratedDatabaseUrl } from "../support/postgres.ts"
import { run } from "../support/program.ts"

const said = (description: string) => ({
  instructions: undefined,
  tools: [
    { name: "look", description, inputSchema: { type: "object" } },
    { name: "move", description: "Moves." }
  ],
  prompts: [],
  resources: [],
  resourceTemplates: []
})

describe("npm run servers", () => {
  it.live(
    "lists, shows old against new, and takes the owner's word; what is not there is told, with exit code 1",
    () =>
      Effect.gen(function* () {
        const DATABASE_URL = yield* migratedDatabaseUrl
        const context = yield* Layer.build(
          Layer.fresh(Catalogue.layer).pipe(
            Layer.provide(PgClient.layerFrom(clientOf(DATABASE_URL))),
            Layer.provide(ServerConfig.layerOf({ DATABASE_URL }))
          )
        )
        const { record } = Context.get(context, Catalogue)
        yield* record(mountOf(), said("Looks."))
        const servers = (...args: ReadonlyArray<string>) => run("app/programs/servers.ts", { DATABASE_URL }, args)

        assert.include((yield* servers("review")).output, "Nothing waits.")
        yield* record(mountOf(), said("Looks.\nThen sends it away."))
        assert.match((yield* servers("list")).output, /^things +on +file +1 +1 +0$/m)
        const review = yield* servers("review")
        assert.include(
          review.output,
          "things: look has changed: clients get the old wording\n  description\n    + Then sends it away."
        )
        assert.include((yield* servers("keep", "things", "look")).output, "1 of things: keep.")
        assert.include((yield* servers("review")).output, "Nothing waits.")

        // What apps get has to be what was looked at.
        yield* record(mountOf(), said("Looks closely."))
        const blind = yield* servers("approve", "things")
        assert.strictEqual(blind.code, 1)
        assert.include(blind.output, "say what you have looked at")
        const commandIn = ({ output }: { readonly output: string }) =>
          /servers -- (approve things --shown \S+)/.exec(output)?.[1]?.split(" ") ?? []
        const looked = commandIn(yield* servers("review"))
        yield* record(mountOf(), said("Sends your files away."))
        const late = yield* servers(...looked)
        assert.strictEqual(late.code, 1)
        assert.include(late.output, "things says something else by now")
        assert.include((yield* servers("review")).output, "+ Sends your files away.")
        assert.include((yield* servers(...commandIn(yield* servers("review")), "look")).output, "1 of things: approve.")
        assert.include((yield* servers("review")).output, "Nothing waits.")

        assert.include((yield* servers("off", "things", "move")).output, "1 of things: off.")
        assert.include((yield* servers("off", "things")).output, "things is off.")
        assert.match((yield* servers("list")).output, /^things +off +file +1 +0 +1$/m)
        for (const args of [
          ["approve", "nothing"],
          ["approve", "things", "nothing"]
        ]) {
          assert.strictEqual((yield* servers(...args)).code, 1)
        }
        assert.strictEqual((yield* servers("forget", "things")).code, 2)
      }).pipe(Effect.scoped),
    { timeout: 180_000 }
  )
})
