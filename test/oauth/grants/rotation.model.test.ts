/**
 * Random lives of sessions against a pure model: authorize, exchange, refresh with any token ever seen by any client,
 * use, revoke, replay a code, clean up, let time pass. Whatever the order, the server answers as the model does.
 */

import { assert, it } from "@effect/vitest"
import { Arbitrary, Effect, Layer, Schema } from "effect"
import { SqlClient } from "effect/sql"
import { Stores } from "../../../src/app/app.ts"
import { cleanUp } from "../../../src/app/cleanup.ts"
import { Logging } from "../../../src/app/logging.ts"
import { ServerConfig } from "../../../src/config/ServerConfig.ts"
import { ClientRegistry } from "../../../src/oauth/clients/ClientRegistry.ts"
import { revoke } from "../../../src/oauth/grants/revoke.ts"
import type { TokenResponse } from "../../../src/oauth/grants/token.ts"
import * as Bearer from "../../../src/oauth/tokens/bearer.ts"
import { newCode, presenter, publicClient, refreshRequest, tokens } from "../../support/grants.ts"
import { onBothDatabases } from "../../support/postgres.ts"
import {
  ACCESS_TTL,
  begin,
  clean,
  end,
  expectRefresh,
  head,
  isUsable,
  type Pair,
  REFRESH_TTL,
  remember,
  rotate,
  SESSION_TTL,
  type Session
} from "../../support/sessionModel.ts"

/** How far back among what was seen: mostly recent, since that is where the rules bite. */
const Pick = Schema.Literals([0, 0, 0, 1, 1, 2, 3, 5, 8])
const Command = Schema.Union([
  Schema.Struct({ do: Schema.Literal("grant"), who: Pick }),
  Schema.Struct({ do: Schema.Literal("refresh"), pick: Pick }),
  Schema.Struct({ do: Schema.Literal("refreshAs"), pick: Pick, who: Pick }),
  Schema.Struct({ do: Schema.Literal("use"), pick: Pick }),
  Schema.Struct({ do: Schema.Literal("revoke"), pick: Pick, who: Pick }),
  Schema.Struct({ do: Schema.Literal("replayCode"), pick: Pick }),
  Schema.Struct({ do: Schema.Literal("cleanUp") }),
  Schema.Struct({ do: Schema.Literal("wait"), seconds: Schema.Literals([50, 200, 200, 4000, 30_000, 300_000]) })
])
const Life = Arbitrary.array(Arbitrary.schema(Command), { minLength: 8, maxLength: 40 })

const CLIENTS = ["one", "two"]

/** Lets time pass for the database by moving everything that it holds into the past. */
const wait = Effect.fn("wait")(function* (seconds: number) {
  const sql = yield* SqlClient.SqlClient
  const by = sql`make_interval(secs => ${seconds})`
  yield* sql`update mcp.mcp_sessions set expires_at = expires_at - ${by}, status_changed_at = status_changed_at - ${by},
    confirmed_at = confirmed_at - ${by}, created_at = created_at - ${by}`
  yield* sql`update mcp.oauth_access_tokens set expires_at = expires_at - ${by}, revoked_at = revoked_at - ${by}`
  yield* sql`update mcp.oauth_refresh_tokens set expires_at = expires_at - ${by}, revoked_at = revoked_at - ${by},
    rotated_at = rotated_at - ${by}`
}, Effect.orDie)

const pairOf = ({ access_token, refresh_token }: TokenResponse): Pair => ({
  access: access_token,
  refresh: refresh_token ?? ""
})

const live = Effect.fn("live")(function* (commands: ReadonlyArray<typeof Command.Type>) {
  const { lifetimes } = yield* ServerConfig
  const grace = lifetimes.refreshReuseGrace
  const sessions: Array<Session> = []
  const codes: Array<{ readonly session: Session; readonly parameters: Map<string, string>; readonly client: string }> =
    []
  const refreshes: Array<{ readonly token: string; readonly session: Session; readonly generation: number }> = []
  const accesses: Array<{ readonly token: string; readonly session: Session }> = []
  let now = 0

  const seeAccess = (session: Session, token: string) => {
    if (!accesses.some((seen) => seen.token === token)) accesses.push({ token, session })
  }
  const see = (session: Session, response: TokenResponse) => {
    refreshes.push({ token: response.refresh_token ?? "", session, generation: head(session) })
    seeAccess(session, response.access_token)
  }

  const doRefresh = Effect.fnUntraced(function* (seen: (typeof refreshes)[number], client: string) {
    const expected = expectRefresh(seen.session, seen.generation, client, now, grace)
    const got = yield* tokens(client, refreshRequest(seen.token))
    if (expected._tag === "invalid_grant") return assert.isUndefined(got)
    assert.isDefined(got)
    if (got === undefined) return
    if (expected._tag === "replayed") {
      assert.strictEqual(got.refresh_token, expected.refreshToken)
      if (expected.accessToken !== undefined) assert.strictEqual(got.access_token, expected.accessToken)
      remember(seen.session, got.access_token, now)
      return seeAccess(seen.session, got.access_token)
    }
    assert.isFalse(refreshes.some(({ token }) => token === got.refresh_token))
    rotate(seen.session, seen.generation, pairOf(got), now)
    see(seen.session, got)
  })

  for (const command of [{ do: "grant", who: 0 } as const, ...commands]) {
    const at = <A>(all: ReadonlyArray<A>) =>
      all[all.length - 1 - (("pick" in command ? command.pick : 0) % Math.max(1, all.length))]
    const who = CLIENTS["who" in command ? command.who % CLIENTS.length : 0] ?? "one"
    switch (command.do) {
      case "grant": {
        const parameters = yield* newCode(who)
        const response = yield* tokens(who, parameters)
        assert.isDefined(response)
        if (response === undefined) break
        const session = begin(who, pairOf(response), now)
        sessions.push(session)
        codes.push({ session, parameters, client: who })
        see(session, response)
        break
      }
      case "refresh": {
        const seen = at(refreshes)
        if (seen !== undefined) yield* doRefresh(seen, seen.session.client)
        break
      }
      case "refreshAs": {
        const seen = at(refreshes)
        if (seen !== undefined) yield* doRefresh(seen, who)
        break
      }
      case "use": {
        const seen = at(accesses)
        if (seen === undefined) break
        const usable = isUsable(seen.session, seen.token, now)
        const principal = yield* (yield* Bearer.makeAuthenticate())(`Bearer ${seen.token}`).pipe(Effect.option)
        assert.strictEqual(principal._tag === "Some", usable)
        if (usable && seen.session.access.get(seen.token)?.generation === head(seen.session))
          seen.session.confirmed = true
        break
      }
      case "revoke": {
        const all = [...refreshes, ...accesses]
        const seen = at(all)
        if (seen === undefined) break
        yield* revoke(new Map([["token", seen.token]]), presenter(who))
        if (seen.session.client !== who) break
        if ("generation" in seen) end(seen.session, "revoked", now)
        else {
          const access = seen.session.access.get(seen.token)
          if (access !== undefined) access.revoked = true
        }
        break
      }
      case "replayCode": {
        const seen = at(codes)
        if (seen === undefined) break
        assert.isUndefined(yield* tokens(seen.client, seen.parameters))
        end(seen.session, "revoked", now)
        break
      }
      case "cleanUp":
        yield* cleanUp()
        clean(sessions, now)
        break
      case "wait":
        yield* wait(command.seconds)
        now += command.seconds
        break
    }
    yield* invariants(sessions)
  }
})

/** I1, I2 and the statuses: one live link per active session, and it is the head. */
const invariants = Effect.fn("invariants")(function* (sessions: ReadonlyArray<Session>) {
  const sql = yield* SqlClient.SqlClient
  const broken = yield* sql`
    select r.session_id from mcp.oauth_refresh_tokens r join mcp.mcp_sessions s on s.id = r.session_id
    group by r.session_id, s.head_generation
    having count(*) filter (where r.rotated_at is null) > 1 or max(r.generation) > s.head_generation
        or bool_or(r.rotated_at is null and r.generation <> s.head_generation)`
  assert.deepStrictEqual(broken, [])
  const found = yield* sql<{
    status: string
    n: number
  }>`select status, count(*)::int as n from mcp.mcp_sessions group by status`
  for (const status of ["active", "revoked", "compromised"]) {
    assert.strictEqual(
      found.find((row) => row.status === status)?.n ?? 0,
      sessions.filter((session) => !session.gone && session.status === status).length,
      status
    )
  }
}, Effect.orDie)

const RUNS = Number(process.env.MODEL_RUNS ?? 200)

onBothDatabases((name, database) => {
  for (const grace of [0, 120]) {
    const config = ServerConfig.layerOf({
      LOG_LEVEL: "none",
      ACCESS_TOKEN_TTL_SECONDS: String(ACCESS_TTL),
      REFRESH_TOKEN_TTL_SECONDS: String(REFRESH_TTL),
      SESSION_TTL_SECONDS: String(SESSION_TTL),
      REFRESH_REUSE_GRACE_SECONDS: String(grace)
    })
    const services = Stores.pipe(Layer.provideMerge(database), Layer.provideMerge(Logging), Layer.provideMerge(config))
    it.layer(services, { excludeTestServices: true, timeout: "60 seconds" })(
      `rotation, grace ${grace}, ${name}`,
      (it) => {
        it.effect.prop(
          "any life of any sessions goes as the model says",
          [Life],
          ([commands]) =>
            Effect.gen(function* () {
              const sql = yield* SqlClient.SqlClient
              const registry = yield* ClientRegistry
              yield* sql`truncate mcp.mcp_sessions, mcp.oauth_authorization_codes, mcp.oauth_decisions cascade`
              yield* Effect.forEach(CLIENTS, (client) => registry.save(publicClient(client)))
              yield* live(commands)
            }),
          { arbitrary: { runs: RUNS }, timeout: 120_000 }
        )
      }
    )
  }
})
