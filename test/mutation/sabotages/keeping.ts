// biome-ignore-all lint/suspicious/noTemplateCurlyInString: what is replaced is code

/** Changes of what is kept, copied, restored and forgotten. */

import type { Sabotage } from "../sabotages.ts"

export const keeping: ReadonlyArray<Sabotage> = [
  {
    name: "restore: an old copy's tokens are good again",
    file: "oauth/grants/sessions.sql.ts",
    find: "yield* sql`update mcp.oauth_access_tokens set revoked_at = clock_timestamp() where revoked_at is null`",
    replace: "",
    tests: ["test/backup/copy.test.ts"]
  },
  {
    name: "restore: a copy that was changed is taken",
    file: "backup/file.ts",
    find: ' || trailer.sha256 !== digest.digest("hex")',
    replace: "",
    tests: ["test/backup/copy.test.ts"]
  },
  {
    name: "restore: what is in the database goes without a word",
    file: "backup/restore.sql.ts",
    find: "if (full.length > 0 && !options.isReplacing)",
    replace: "if (false)",
    tests: ["test/backup/copy.test.ts"]
  },
  {
    name: "backup: the numbers that the database gives out begin anew",
    file: "backup/restore.sql.ts",
    find: "yield* continueSequences",
    replace: "yield* Effect.void",
    tests: ["test/backup/copy.test.ts"]
  },
  {
    name: "retention: events are kept for ever",
    file: "people/sweep.sql.ts",
    find: 'past("audit_events", "at", eventDays * DAY_SECONDS, batch)',
    replace: "0",
    tests: ["test/people/sweep.test.ts"]
  },
  {
    name: "people: somebody who was deleted is in the events still",
    file: "people/personData.sql.ts",
    find: "or position(lower(${email}) in lower(detail::text)) > 0`\n    yield* sql`update",
    replace: "`\n    yield* sql`update",
    tests: ["test/people/personData.test.ts"]
  },
  {
    name: "people: the last owner may be deleted",
    file: "people/personData.sql.ts",
    find: 'if (person.role === "owner" && !isSafe) return false',
    replace: "",
    tests: ["test/people/personData.test.ts"]
  },
  {
    name: "pages: one's own account is deleted without its form",
    file: "pages/personData.ts",
    find: "yield* sentBy(visit, yield* form)\n  return visit",
    replace: "return visit",
    tests: ["test/pages/access.test.ts"]
  },
  {
    name: "health: anybody reads what is for owners",
    file: "app/health.ts",
    find: '?.person.role === "owner"',
    replace: "?.person.role !== undefined",
    tests: ["test/app/health.test.ts"]
  }
]
