import { randomBytes } from "node:crypto"
import { assert, it } from "@effect/vitest"
import { Effect, Layer, Redacted } from "effect"
import { SqlClient } from "effect/sql"
import { Stores } from "../../src/app/app.ts"
import { ServerConfig } from "../../src/config/ServerConfig.ts"
import { makeVaultRows } from "../../src/gateway/vault/vault.sql.ts"
import { ClientRegistry } from "../../src/oauth/clients/ClientRegistry.ts"
import { BrowserSessions } from "../../src/people/BrowserSessions.ts"
import { ConsentStore } from "../../src/people/ConsentStore.ts"
import { Identities } from "../../src/people/Identities.ts"
import { People } from "../../src/people/People.ts"
import { RecoveryStore } from "../../src/people/RecoveryStore.ts"
import { newCode, publicClient, refreshRequest, tokens } from "../support/grants.ts"
import { browserOf, somebody } from "../support/people.ts"
import { onBothDatabases } from "../support/postgres.ts"

const NOBODY = { id: undefined, address: undefined }

/** Every value of every column of every table that has one of these words in it, in any case, whatever its type. */
const everywhere = Effect.fn("test.everywhere")(function* (words: ReadonlyArray<string>) {
  const sql = yield* SqlClient.SqlClient
  const columns = yield* sql<{ table: string; column: string }>`
    select table_name as "table", column_name as "column" from information_schema.columns where table_schema = 'mcp'`
  assert.isAbove(columns.length, 100)
  const found: Array<string> = []
  for (const { table, column } of columns) {
    for (const word of words) {
      const hits = yield* sql`
        select 1 from ${sql(`mcp.${table}`)} where position(lower(${word}) in lower(${sql(column)}::text)) > 0`
      if (hits.length > 0) found.push(`${table}.${column}`)
    }
  }
  return [...new Set(found)].sort()
})

/** Somebody who left a trace wherever one can be left. */
const livedIn = Effect.fn("test.livedIn")(function* (name: string, role: "owner" | "member") {
  const sql = yield* SqlClient.SqlClient
  const people = yield* People
  const person = yield* somebody(name, role)
  const { id, email } = person
  const [itself, browser] = [{ id, address: "198.51.100.9" }, yield* browserOf(id)]
  yield* people.setPassword(id, Redacted.make("$argon2id$v=19$canary"), itself, browser.sessionId)
  yield* sql`
    insert into mcp.passkeys (credential_id, person_id, rp_id, public_key, counter, is_synced, name)
    values (${randomBytes(8).toString("hex")}, ${id}, 'localhost', '\\x01', 0, false, 'a phone')`
  const identity = { issuer: "https://id.example", subject: `sub of ${name}`, email }
  yield* (yield* Identities).link(id, identity, itself)
  yield* (yield* RecoveryStore).renew(id, itself)
  yield* (yield* ClientRegistry).save(publicClient("desk"))
  const asking = { personId: id, clientId: "desk", redirectHost: "app.example", asked: ["mcp.tools.call"] }
  yield* (yield* ConsentStore).remember(asking, asking.asked)
  const first = yield* Effect.flatMap(newCode("desk", id), (code) => tokens("desk", code))
  const now = yield* tokens("desk", refreshRequest(first?.refresh_token ?? ""))
  // A code that nobody has redeemed, links of each kind, and what somebody elsewhere was told.
  yield* newCode("desk", id)
  yield* people.resetLink(id, itself, "owner")
  yield* people.invite(`guest-${randomBytes(4).toString("hex")}@people.example`, "member", itself)
  yield* people.record({ event: "sign_in_failed", detail: { email } })
  yield* people.record({ event: "client_changed", actorId: id, address: itself.address, clientId: "desk" })
  const rows = makeVaultRows(sql)
  const sealed = randomBytes(40)
  const at = { url: "https://mount.example/mcp", issuer: "https://mount.example" }
  yield* rows.saveLink({ mount: "notes", personId: id }, at, { sealed, scope: "read", expiresIn: 3600 })
  const began = { mount: "notes", personId: id, browserSession: browser.sessionId, stateHash: randomBytes(32) }
  yield* rows.beginSignIn({ ...began, sealed, seconds: 600 })
  yield* sql`
    insert into mcp.ceremonies (id_hash, kind, detail, expires_at)
    values (${randomBytes(32)}, 'passkey', ${JSON.stringify({ personId: id })}::jsonb, now() + interval '1 minute')`
  const server = `s-${randomBytes(4).toString("hex")}`
  yield* sql`
    insert into mcp.servers (name, title, url, auth, created_by)
    values (${server}, 'Notes', 'https://mount.example/mcp', 'oauth', ${id})`
  yield* sql`
    insert into mcp.server_switches (name, is_off, changed_by) values (${server}, true, ${id})`
  yield* sql`
    insert into mcp.server_definitions (server, kind, name, decided_by)
    values (${server}, 'tool', 'x', ${id})`
  return { person, browser, tokens: now }
})

onBothDatabases((engine, database) => {
  const services = Stores.pipe(
    Layer.provideMerge(database),
    Layer.provideMerge(ServerConfig.layerOf({ LOG_LEVEL: "none" }))
  )
  it.layer(services, { excludeTestServices: true, timeout: "120 seconds" })(`a person's data on ${engine}`, (it) => {
    it.effect("is exported with all that is known of them, and nothing that opens anything", () =>
      Effect.gen(function* () {
        const people = yield* People
        yield* livedIn("Olga", "owner")
        const { person, tokens } = yield* livedIn("Zebulon", "member")
        const data = yield* people.dataOf(person.id)
        assert.deepInclude(data?.account, { id: person.id, email: person.email, name: "Zebulon", role: "member" })
        for (const [kind, least] of [
          ["passkeys", 1],
          ["identities", 1],
          ["browsers", 1],
          ["connections", 1],
          ["consents", 1],
          ["servers", 1],
          ["invitations_made", 1],
          ["events", 5]
        ] as const) {
          const listed = data?.[kind]
          assert.isAtLeast(Array.isArray(listed) ? listed.length : 0, least, kind)
        }
        assert.strictEqual(data?.has_password, true)
        assert.strictEqual(data?.recovery_codes_left, 10)
        const text = JSON.stringify(data)
        for (const secret of [
          "argon2id",
          "\\\\x",
          "hash",
          "sealed",
          "public_key",
          tokens?.access_token ?? "none",
          "olga@"
        ]) {
          assert.notInclude(text, secret)
        }
        assert.isUndefined(yield* people.dataOf("00000000-0000-4000-8000-000000000000"))
      }).pipe(Effect.orDie)
    )

    it.effect(
      "is gone with them, wherever it stood, at once, and only that it happened stays; others keep theirs",
      () =>
        Effect.gen(function* () {
          const sql = yield* SqlClient.SqlClient
          const people = yield* People
          const { person, browser, tokens: held } = yield* livedIn("Barnaby", "owner")
          const other = yield* livedIn("Quincy", "member")
          yield* people.disable(other.person.id, { id: person.id, address: "198.51.100.9" })
          const words = [person.id, person.email, person.name, "198.51.100.9"]
          const before = yield* everywhere(words)
          for (const place of ["people.email", "mcp_sessions.subject", "audit_events.actor_id", "links.created_by"]) {
            assert.include(before, place)
          }
          yield* people.remove(person.id, { id: person.id, address: "198.51.100.9" })
          const theirs = yield* everywhere([person.id, person.email, person.name])
          assert.deepStrictEqual(theirs, [])

          assert.isUndefined(yield* tokens("desk", refreshRequest(held?.refresh_token ?? "")))
          const cookie = Redacted.make(browser.cookie.split("=")[1] ?? "")
          assert.isUndefined(yield* (yield* BrowserSessions).find(cookie))
          const [event] = yield* people.events({ limit: 1 })
          assert.deepInclude(event, { event: "person_deleted", person_id: null, actor_email: null, address: null })
          assert.deepStrictEqual(event?.detail, { by: "themselves", role: "owner" })
          // What they did to others stays, by nobody.
          const [disabled] = yield* people.events({ event: "person_disabled", limit: 1 })
          assert.deepInclude(disabled, { person_id: other.person.id, actor_email: null, address: null })
          assert.isNotEmpty(yield* everywhere([other.person.id]))
          assert.lengthOf(yield* sql`select 1 from mcp.server_links where person_id = ${other.person.id}`, 1)
          // Whom they invited may come all the same.
          assert.lengthOf(yield* sql`select 1 from mcp.links where kind = 'invitation' and created_by is null`, 1)
          yield* people.remove(person.id, NOBODY)
        }).pipe(Effect.orDie)
    )

    it.effect("the last owner is not deleted, and of two who delete each other one stays", () =>
      Effect.gen(function* () {
        const people = yield* People
        const owners = (yield* people.list).filter(({ role, isDisabled }) => role === "owner" && !isDisabled)
        const [first = yield* Effect.die("nobody owns this"), ...more] = owners
        for (const { id } of more) yield* people.remove(id, NOBODY)
        const refused = yield* Effect.flip(people.remove(first.id, NOBODY))
        assert.strictEqual(refused._tag, "LastOwner")
        assert.isDefined(yield* people.find(first.id))
        const second = yield* somebody("Second")
        const both = yield* Effect.all(
          [first.id, second.id].map((id) => Effect.result(people.remove(id, NOBODY))),
          { concurrency: 2 }
        )
        assert.deepStrictEqual(both.map(({ _tag }) => _tag).sort(), ["Failure", "Success"])
        const left = (yield* people.list).filter(({ role }) => role === "owner")
        assert.lengthOf(left, 1)
      }).pipe(Effect.orDie)
    )
  })
})
