// biome-ignore-all lint/suspicious/noTemplateCurlyInString: what is replaced is code

/** Changes that some test must notice, one decision of the protocol or of a store each. */

export interface Sabotage {
  readonly name: string
  /** Below src/. */
  readonly file: string
  /** Stands there once. */
  readonly find: string
  readonly replace: string
  /** The test files that should notice. */
  readonly tests: ReadonlyArray<string>
}

export const sabotages: ReadonlyArray<Sabotage> = [
  {
    name: "rotation: the window of the grace never ends",
    file: "oauth/grants/rotation.ts",
    find: "age > 1000 * replayWindow(session, generation, graceSeconds) || graceSeconds === 0",
    replace: "graceSeconds === 0",
    tests: ["test/oauth/grants/rotation.test.ts"]
  },
  {
    name: "rotation: a retired token is only refused, and ends nothing",
    file: "oauth/grants/rotation.ts",
    find: 'return { _tag: "Compromise" }',
    replace: 'return refuse("retired")',
    tests: ["test/oauth/grants/rotation.test.ts", "test/oauth/grants/refresh.test.ts"]
  },
  {
    name: "rotation: the head generation is not compared",
    file: "oauth/grants/refresh.sql.ts",
    find: "and s.head_generation = ${generation} and s.expires_at",
    replace: "and s.expires_at",
    tests: ["test/oauth/grants"]
  },
  {
    name: "rotation: an expired session goes on",
    file: "oauth/grants/refresh.sql.ts",
    find: "and s.expires_at > clock_timestamp()\n",
    replace: "\n",
    tests: ["test/oauth/grants"]
  },
  {
    name: "rotation: another client may refresh",
    file: "oauth/grants/refresh.sql.ts",
    find: "and s.client_id = ${by.clientId} and",
    replace: "and",
    tests: ["test/oauth/grants"]
  },
  {
    name: "rotation: a refresh may ask for more",
    file: "oauth/grants/refresh.sql.ts",
    find: "and coalesce(${requested ?? null}::text[] <@ s.scopes, true)",
    replace: "",
    tests: ["test/oauth/grants/refresh.test.ts"]
  },
  {
    name: "codes: the verifier is not asked for",
    file: "oauth/grants/codes.sql.ts",
    find: "client_id = ${by.clientId} and code_challenge = ${codeChallenge}",
    replace: "client_id = ${by.clientId}",
    tests: ["test/oauth/grants/token.test.ts"]
  },
  {
    name: "codes: another redirect URI will do",
    file: "oauth/grants/codes.sql.ts",
    find: "and redirect_uri = coalesce(${redirectUri ?? null}, redirect_uri)",
    replace: "",
    tests: ["test/oauth/grants/token.test.ts"]
  },
  {
    name: "codes: a code lives for ever",
    file: "oauth/grants/codes.sql.ts",
    find: "where code_hash = ${code.hash} and expires_at > clock_timestamp() and",
    replace: "where code_hash = ${code.hash} and",
    tests: ["test/oauth/grants/token.test.ts"]
  },
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
    name: "secret: compared by its first 20 characters",
    file: "oauth/clients/secret.ts",
    find: 'const digest = (secret: Redacted.Redacted) => createHash("sha256").update(Redacted.value(secret)).digest()',
    replace:
      'const digest = (secret: Redacted.Redacted) => createHash("sha256").update(Redacted.value(secret).slice(0, 20)).digest()',
    tests: ["test/oauth/clients"]
  },
  {
    name: "authorize: PKCE is optional",
    file: "oauth/authorize/request.ts",
    find: '({ parameters }) => !parameters.has("code_challenge") && invalid("code_challenge is missing"),',
    replace: "",
    tests: ["test/oauth/authorize"]
  },
  {
    name: "authorize: a redirect URI need not be registered",
    file: "oauth/authorize/request.ts",
    find: "if (!client.redirectUris.some((registered) => RedirectUri.matches(registered, redirectUri))) {",
    replace: "if (client.redirectUris.length === 0) {",
    tests: ["test/oauth/authorize"]
  }
]
