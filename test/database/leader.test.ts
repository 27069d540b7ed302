import { chownSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { assert, describe, it } from "@effect/vitest"
import { Effect, Fiber, Layer, Schedule } from "effect"
import { Reactivity } from "effect/reactivity"
import { SqlClient } from "effect/sql"
import { Logging } from "../../src/app/logging.ts"
import { ServerConfig } from "../../src/config/ServerConfig.ts"
import * as Database from "../../src/database/connect.ts"
import { behindBalancer } from "../support/behindBalancer.ts"
import { type Answer, exchange, obtainCode, refresh, rpc } from "../support/client.ts"
import { until } from "../support/mountedApp.ts"
import { clientOf } from "../support/postgres.ts"
import { postgresProxy } from "../support/postgresProxy.ts"
import { run, temporaryFolder } from "../support/program.ts"
import { CERTIFICATE, KEY } from "../support/publicWeb.ts"
import { identity, startPostgres } from "../support/realPostgres.ts"

const postgres = (...settings: ReadonlyArray<string>) =>
  Effect.acquireRelease(
    Effect.promise(() => startPostgres({ settings })),
    ({ stop }) => Effect.promise(stop)
  )

const asked = (url: string, statement: string) =>
  Effect.scoped(Effect.flatMap(clientOf(url, 1), (sql) => sql.unsafe<{ readonly is: unknown }>(statement))).pipe(
    Effect.provide(Reactivity.layer),
    Effect.map(([row]) => row?.is)
  )

/** A leader, and a standby without which nothing is acknowledged. */
const leaderAndStandby = Effect.gen(function* () {
  const leader = yield* postgres()
  const standby = yield* Effect.promise(() => leader.standby("standby"))
  yield* asked(leader.url, "alter system set synchronous_standby_names = 'standby'")
  yield* asked(leader.url, "select pg_reload_conf() as is")
  yield* until(
    Effect.map(
      asked(leader.url, "select count(*)::int as is from pg_stat_replication where sync_state = 'sync'"),
      (n) => n === 1
    )
  )
  return { leader, standby }
})

const promote = (url: string) => asked(url, "select pg_promote() as is")

const several = (...urls: ReadonlyArray<string>) => {
  const hosts = urls.map((url) => new URL(url).host)
  return `postgresql://postgres@${hosts.join(",")}/postgres?sslmode=disable&target_session_attrs=read-write`
}

/** The connection as the server makes it. */
const connected = (DATABASE_URL: string, variables: Readonly<Record<string, string>> = {}) =>
  Layer.fresh(Database.layerUnmigrated).pipe(
    Layer.provide(Layer.provideMerge(Logging, ServerConfig.layerOf({ DATABASE_URL, LOG_LEVEL: "none", ...variables })))
  )

const port = SqlClient.SqlClient.use((sql) => sql<{ readonly is: number }>`select inet_server_port() as is`).pipe(
  Effect.map(([row]) => row?.is)
)

const options = { timeout: 300_000 }

describe("the leader among several servers", () => {
  it.live(
    "OP4 is found by a server that runs, when a standby takes its place: nothing that was answered is lost, and clients go on",
    () =>
      Effect.gen(function* () {
        const { leader, standby } = yield* leaderAndStandby
        const DATABASE_URL = several(standby.url, leader.url)
        assert.strictEqual((yield* run("app/programs/dbInit.ts", { DATABASE_URL })).code, 0)
        const { members, inTurn } = yield* behindBalancer([
          { DATABASE_URL, REFRESH_REUSE_GRACE_SECONDS: "120" },
          { DATABASE_URL, REFRESH_REUSE_GRACE_SECONDS: "120" }
        ])
        const persist = <R>(asking: Effect.Effect<Answer, never, R>) =>
          Effect.repeat(asking, { until: ({ status }) => status !== 503, schedule: Schedule.spaced("50 millis") })

        const told: Array<string> = []
        let isOver = false
        const client = Effect.gen(function* () {
          const { body } = yield* persist(exchange(yield* obtainCode()))
          let tokens = body
          told.push(tokens.access_token)
          while (!isOver) {
            const answer = yield* persist(refresh(tokens.refresh_token))
            assert.strictEqual(answer.status, 200, answer.text)
            tokens = answer.body
            told.push(tokens.access_token)
          }
        })
        yield* Effect.gen(function* () {
          const clients = yield* Effect.forkChild(Effect.all([client, client], { concurrency: "unbounded" }))
          const more = (count: number) =>
            until(Effect.sync(() => told.length >= count || clients.pollUnsafe() !== undefined))
          yield* more(20)
          yield* Effect.promise(() => leader.halt("immediate"))
          yield* promote(standby.url)
          const before = told.length
          yield* more(before + 20)
          isOver = true
          yield* Fiber.join(clients)
          assert.isAbove(told.length, before)
          // One of the two may have gone on alone so far, while the other still looks for who leads.
          const are = yield* Effect.forEach(told, (token) => persist(rpc(token, "tools/list")), { concurrency: 8 })
          assert.deepStrictEqual([...new Set(are.map(({ status }) => status))], [200])
        }).pipe(inTurn)
        const found = `${new URL(standby.url).host}/postgres leads the database`
        yield* until(Effect.sync(() => members.every(({ program }) => program.output().includes(found))))
      }).pipe(Effect.scoped),
    options
  )

  it.live(
    "is another one when the first falls silent: what was open to that is closed, whatever it waited for",
    () =>
      Effect.gen(function* () {
        const { leader, standby } = yield* leaderAndStandby
        const { hostname, port: direct } = new URL(leader.url)
        const network = yield* postgresProxy(hostname, Number(direct))
        yield* Effect.gen(function* () {
          const sql = yield* SqlClient.SqlClient
          assert.strictEqual(yield* port, Number(direct))
          const waits = yield* Effect.forkChild(Effect.exit(sql`select pg_sleep(1000)`))
          yield* until(
            Effect.map(
              asked(leader.url, "select count(*)::int as is from pg_stat_activity where query like '%sleep(%'"),
              (n) => Number(n) > 1
            )
          )
          network.hush()
          yield* promote(standby.url)
          assert.strictEqual((yield* Fiber.join(waits))._tag, "Failure")
          const now = yield* until(Effect.orElseSucceed(port, () => undefined))
          assert.strictEqual(now, Number(new URL(standby.url).port))
          // It comes back, and believes that it leads.
          network.speak()
          yield* until(
            Effect.map(
              asked(
                leader.url,
                "select count(*)::int as is from pg_stat_activity where application_name = 'gatehouse'"
              ),
              (n) => n === 0
            )
          )
          assert.strictEqual(yield* port, now)
        }).pipe(Effect.provide(connected(several(`postgresql://127.0.0.1:${network.port}`, standby.url))))
      }).pipe(Effect.scoped),
    options
  )

  it.live(
    "is none where there are standbys alone: the start fails, and says what each of them is",
    () =>
      Effect.gen(function* () {
        const { standby } = yield* leaderAndStandby
        const error = yield* Effect.flip(Layer.build(connected(several(standby.url, "postgresql://127.0.0.1:1"))))
        assert.strictEqual(error._tag, "DatabaseUnreachable")
        const host = new URL(standby.url).host
        assert.include(error.message, `cannot use the database at ${host}, 127.0.0.1:1/postgres: `)
        assert.include(error.message, `${host}/postgres: it takes no writes`)
        assert.include(error.message, "127.0.0.1:1/postgres: connect ECONNREFUSED")
      }).pipe(Effect.scoped),
    options
  )

  it.live(
    "has to have a certificate for its own name, and not for that of another one in the list",
    () =>
      Effect.gen(function* () {
        const folder = yield* temporaryFolder
        const [certificate, key] = [join(folder, "certificate.pem"), join(folder, "key.pem")]
        writeFileSync(certificate, CERTIFICATE)
        writeFileSync(key, KEY, { mode: 0o600 })
        const { uid, gid } = identity()
        if (uid !== undefined && gid !== undefined) for (const path of [folder, key]) chownSync(path, uid, gid)
        const { url } = yield* postgres("ssl=on", `ssl_cert_file=${certificate}`, `ssl_key_file=${key}`)
        // The certificate is for 127.0.0.1, and not for localhost, which is the same machine.
        const at = (hosts: string) =>
          connected(`postgresql://postgres@${hosts.replaceAll("#", new URL(url).port)}/postgres?sslmode=verify-full`, {
            DATABASE_CA_FILE: certificate
          })
        const isEncrypted = SqlClient.SqlClient.use(
          (sql) => sql<{ readonly is: boolean }>`select ssl as is from pg_stat_ssl where pid = pg_backend_pid()`
        )
        assert.deepStrictEqual(yield* Effect.provide(isEncrypted, at("localhost:#,127.0.0.1:#")), [{ is: true }])
        assert.deepStrictEqual(yield* Effect.provide(isEncrypted, at("127.0.0.1:#,localhost:#")), [{ is: true }])
        const error = yield* Effect.flip(Layer.build(at("localhost:#,localhost:1")))
        assert.match(error.message, /does not match certificate's altnames/)
      }).pipe(Effect.scoped),
    options
  )
})
