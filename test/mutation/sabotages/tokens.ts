// biome-ignore-all lint/suspicious/noTemplateCurlyInString: what is replaced is code

/** Changes of tokens, the memory of them, and /mcp. */

import type { Sabotage } from "../sabotages.ts"

export const tokens: ReadonlyArray<Sabotage> = [
  {
    name: "access: a revoked token is let in",
    file: "oauth/tokens/access.sql.ts",
    find: "where a.token_hash = ${token.hash} and a.revoked_at is null and a.expires_at",
    replace: "where a.token_hash = ${token.hash} and a.expires_at",
    tests: ["test/oauth/grants/revoke.test.ts", "test/oauth/tokens"]
  },
  {
    name: "access: a disabled client's token is let in",
    file: "oauth/tokens/access.sql.ts",
    find: " and c.disabled_at is null",
    replace: "",
    tests: ["test/oauth", "test/mcp/mcp.test.ts"]
  },
  {
    name: "access: any client may revoke",
    file: "oauth/tokens/access.sql.ts",
    find: "and session_id in (select id from mcp.mcp_sessions where client_id = ${clientId})",
    replace: "",
    tests: ["test/oauth/grants/revoke.test.ts"]
  },
  {
    name: "access: a token for another resource is let in",
    file: "oauth/tokens/bearer.ts",
    find: "principal?.resource === resource ?",
    replace: "principal !== undefined ?",
    tests: ["test/mcp", "test/oauth"]
  },
  {
    name: "memory: nothing is forgotten in this process",
    file: "oauth/tokens/Revocations.ts",
    find: "for (const forget of forgetting) forget(about)",
    replace: "",
    tests: ["test/oauth/tokens"]
  },
  {
    name: "memory: what nobody tells of is remembered for hours",
    file: "oauth/tokens/Revocations.ts",
    find: "const LONGEST_MS = 5000",
    replace: "const LONGEST_MS = 9_000_000",
    tests: ["test/app/roundRobin.test.ts"]
  },
  {
    name: "memory: the epoch is ignored on keeping",
    file: "oauth/tokens/Revocations.ts",
    find: "if (!isHearing || asked !== epoch) return",
    replace: "if (!isHearing) return",
    tests: ["test/oauth/tokens"]
  },
  {
    name: "memory: kept although nobody hears",
    file: "oauth/tokens/Revocations.ts",
    find: "if (!isHearing || asked !== epoch) return",
    replace: "if (asked !== epoch) return",
    tests: ["test/oauth/tokens"]
  },
  {
    name: "token: its tag is not looked at",
    file: "oauth/tokens/opaqueToken.ts",
    find: "if (!timingSafeEqual(tagOf(kind, key, bytes.subarray(0, TAG_AT)), bytes.subarray(TAG_AT))) return",
    replace: "",
    tests: ["test/oauth/tokens/opaqueToken.test.ts"]
  },
  {
    name: "token: one kind passes for another",
    file: "oauth/tokens/opaqueToken.ts",
    find: ".update(PREFIX[kind])",
    replace: "",
    tests: ["test/oauth/tokens/opaqueToken.test.ts"]
  },
  {
    name: "bearer: a scope is not needed",
    file: "oauth/tokens/bearer.ts",
    find: "if (needed.every((scope) => granted.includes(scope))) return undefined",
    replace: "return undefined",
    tests: ["test/mcp/contract.test.ts"]
  },
  {
    name: "gate: a batch is not held to scopes",
    file: "mcp/gate.ts",
    find: "const lacking = Bearer.insufficient(principal.scopes, [...needs])",
    replace: "const lacking = Bearer.insufficient(principal.scopes, [])",
    tests: ["test/mcp/lenient.test.ts", "test/mcp/contract.test.ts"]
  },
  {
    name: "gate: foreign origins are let in",
    file: "mcp/gate.ts",
    find: ".pipe(admitOrigin, withCors)",
    replace: ".pipe(withCors)",
    tests: ["test/mcp/mcp.test.ts", "test/mcp/contract.test.ts"]
  },
  {
    name: "gate: any type of body",
    file: "mcp/gate.ts",
    find: 'mediaType(request) !== "application/json"',
    replace: 'mediaType(request) === ""',
    tests: ["test/mcp/mcp.test.ts"]
  },
  {
    name: "keys: a new one signs at once",
    file: "oauth/tokens/ServerKeys.ts",
    find: "found.map(({ id, secret, mature }) => ({ ...deriveServerKey(id, secret), mature }))",
    replace: "found.map(({ id, secret }) => ({ ...deriveServerKey(id, secret), mature: true }))",
    tests: ["test/oauth/tokens/accessTokens.test.ts"]
  },
  {
    name: "caller: an address that nobody vouched for is told",
    file: "mcp/caller.ts",
    find: "claims?.emailVerified === true ? claims.email : undefined",
    replace: "claims?.email",
    tests: ["test/mcp/caller.test.ts"]
  },
  {
    name: "gate: a mount of ourselves goes round",
    file: "mcp/gate.ts",
    find: "if (cameFromUs(keys, request.headers[VIA])) return circular",
    replace: "",
    tests: ["test/gateway/security.test.ts"]
  },
  {
    name: "clock: access tokens end when this process says",
    file: "oauth/tokens/access.sql.ts",
    find: "a.revoked_at is null and a.expires_at > clock_timestamp()",
    replace: "a.revoked_at is null and a.expires_at > ${new Date()}",
    tests: ["test/app/clock.test.ts"]
  },
  {
    name: "memory: what ended while its caller hung up goes on",
    file: "oauth/tokens/Revocations.ts",
    find: "else if (mayHaveWritten(exit.cause)) ",
    replace: "else if (false && mayHaveWritten(exit.cause)) ",
    tests: ["test/oauth/tokens/memory.test.ts"]
  }
]
