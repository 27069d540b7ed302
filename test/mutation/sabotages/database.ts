// biome-ignore-all lint/suspicious/noTemplateCurlyInString: what is replaced is code

/** Changes of the database: the way to it, its migrations, how it is given up. */

import type { Sabotage } from "../sabotages.ts"

export const database: ReadonlyArray<Sabotage> = [
  {
    name: "database: a connection lost in a transaction is a defect",
    file: "database/query.ts",
    find: "isSqlError(defect) || ",
    replace: "false && isSqlError(defect) || ",
    tests: ["test/oauth/grants/commitUnknown.test.ts", "test/database/migrations.test.ts"]
  },
  {
    name: "database: what a transaction inside another was to fail with is a defect where the connection is lost",
    file: "database/query.ts",
    find: " || defect instanceof StoreUnavailable",
    replace: "",
    tests: ["test/people/faults.test.ts"]
  },
  {
    name: "embedded: an answer does not wait for the disk",
    file: "database/embedded.ts",
    find: "if (nfd !== undefined) fsyncSync(nfd)",
    replace: "",
    tests: ["test/database/embedded.test.ts"]
  },
  {
    name: "embedded: nobody hears that the database has ended",
    file: "database/embedded.ts",
    find: 'if (isOpen && how === "PANIC") onPanic(complaint)',
    replace: "",
    tests: ["test/database/embedded.test.ts"]
  },
  {
    name: "embedded: a database that lost its mark is made anew",
    file: "database/embedded.ts",
    find: "if (readdirSync(home).length > 0)",
    replace: "if (readdirSync(home).length > 0) return\n    if (readdirSync(home).length > 0)",
    tests: ["test/database/embedded.test.ts"]
  },
  {
    name: "embedded: a copy that is not whole has the name of one that is",
    file: "database/embedded.ts",
    find: "const unfinished = `${home}.unfinished`",
    replace: "const unfinished = home",
    tests: ["test/database/embedded.test.ts"]
  },
  {
    name: "embedded: the lock of a data directory is not exclusive",
    file: "database/lock.ts",
    find: "begin exclusive",
    replace: "begin",
    tests: ["test/database/embedded.test.ts"]
  },
  {
    name: "maintenance: two instances at once",
    file: "database/MaintenanceStore.ts",
    find: "where c.expires_at < clock_timestamp() or c.holder = excluded.holder",
    replace: "where true",
    tests: ["test/database/maintenance.test.ts"]
  },
  {
    name: "maintenance: whoever is late releases what is another's",
    file: "database/MaintenanceStore.ts",
    find: "where task = ${task} and holder = ${holder}",
    replace: "where task = ${task}",
    tests: ["test/database/maintenance.test.ts"]
  },
  {
    name: "overload: the database's queue has no end",
    file: "database/queue.ts",
    find: "if (delay(now) > 2 * mostMs) {",
    replace: "if (delay(now) < 0) {",
    tests: ["test/database/queue.test.ts"]
  },
  {
    name: "overload: whoever is done still counts as waiting",
    file: "database/queue.ts",
    find: "      underWay--\n",
    replace: "",
    tests: ["test/database/queue.test.ts"]
  },
  {
    name: "migrations: an older program refuses a newer schema",
    file: "database/migrations.sql.ts",
    find: "since !== null && !known.some",
    replace: "!known.some",
    tests: ["test/database/migrations.test.ts"]
  },
  {
    name: "migrations: an older program works on what a newer one took away",
    file: "database/migrations.sql.ts",
    find: "if (tooNew !== undefined) return yield* new SchemaTooNew({ version: tooNew.version })",
    replace: "",
    tests: ["test/database/migrations.test.ts"]
  },
  {
    name: "migrations: one that finds a table held keeps everybody waiting",
    file: "database/migrations.sql.ts",
    find: 'tables: "500ms"',
    replace: 'tables: "10min"',
    tests: ["test/database/migrations.test.ts"]
  },
  {
    name: "migrations: one that finds a table held gives up at once",
    file: "database/migrations.sql.ts",
    find: 'error._tag === "MigrationFailed" && error.isTriedAgain',
    replace: "false",
    tests: ["test/database/migrations.test.ts"]
  },
  {
    name: "leader: a standby is taken for one",
    file: "database/leader.ts",
    find: 'if (rows[0]?.read_only !== "off")',
    replace: "if (rows.length === 0)",
    tests: ["test/database/leader.test.ts"]
  },
  {
    name: "leader: connections to the one before stay open",
    file: "database/leader.ts",
    find: "for (const [socket, host] of open) if (host !== reached.url.host) socket.destroy()",
    replace: "",
    tests: ["test/database/leader.test.ts"]
  },
  {
    name: "leader: the certificate is held against the first name",
    file: "database/leader.ts",
    find: "Redacted.make((leader?.url ?? urls[0]).href)",
    replace: "Redacted.make(urls[0].href)",
    tests: ["test/database/leader.test.ts"]
  },
  {
    name: "leader: it is sought at the start alone",
    file: "database/leader.ts",
    find: "yield* Effect.forkScoped(follow(first))",
    replace: "",
    tests: ["test/database/leader.test.ts"]
  },
  {
    name: "engine: a lock that locks nothing is one",
    file: "database/engine.sql.ts",
    find: "return taken?.[0] === false",
    replace: "return true",
    tests: ["test/database/engine.test.ts"]
  },
  {
    name: "pooler: who hears nothing at the start is deaf for life",
    file: "database/connect.ts",
    find: 'if ((yield* Pooler) !== "transaction") return listened',
    replace: 'return (yield* Pooler) !== "transaction" ? listened : undefined',
    tests: ["test/database/engine.test.ts"]
  }
]
