/** Suites that go straight to the database also where the run goes through a pooler (`TEST_POOLER`), and why. */

import type { Mode } from "./pgbouncer.ts"

const ALWAYS = {
  "database/pooler.test.ts": "it has poolers of its own, and tries what is met without one",
  "database/engine.test.ts": "it reads what is said of a database without a pooler",
  "upgrade/upgrade.test.ts":
    "it restores, which is done past a pooler, since what that keeps open looks like a running server",
  "app/programs.test.ts": "what `db:check` says of a database without a pooler is written down there"
}

const LISTENS = "it listens from the first moment on, without having found out whether anything is heard"

/** Beside those, where no session is anybody's own. */
const IN_TRANSACTION_MODE = {
  "oauth/tokens/memory.test.ts": LISTENS,
  "oauth/clients/registry.test.ts": LISTENS,
  "people/shutOut.test.ts": LISTENS
}

export const pastThePooler = (mode: Mode): Readonly<Record<string, string>> =>
  mode === "session" ? ALWAYS : { ...ALWAYS, ...IN_TRANSACTION_MODE }
