// biome-ignore-all lint/suspicious/noTemplateCurlyInString: what is replaced is code

/** Changes of codes, rotation, revocation, and what becomes of sessions. */

import type { Sabotage } from "../sabotages.ts"

export const grants: ReadonlyArray<Sabotage> = [
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
    file: "oauth/grants/redeem.sql.ts",
    find: "client_id = ${by.clientId} and code_challenge = ${codeChallenge}",
    replace: "client_id = ${by.clientId}",
    tests: ["test/oauth/grants/token.test.ts"]
  },
  {
    name: "codes: another redirect URI will do",
    file: "oauth/grants/redeem.sql.ts",
    find: "and redirect_uri = coalesce(${redirectUri ?? null}, redirect_uri)",
    replace: "",
    tests: ["test/oauth/grants/token.test.ts"]
  },
  {
    name: "codes: a code lives for ever",
    file: "oauth/grants/redeem.sql.ts",
    find: "where code_hash = ${code.hash} and expires_at > clock_timestamp() and",
    replace: "where code_hash = ${code.hash} and",
    tests: ["test/oauth/grants/token.test.ts"]
  },
  {
    name: "codes: no answer is kept for a client that got none",
    file: "oauth/grants/redeem.sql.ts",
    find: "lifetimes.refreshReuseGrace > 0 ? sealAnswer(code.secret, answer) : null",
    replace: "(null as Uint8Array | null)",
    tests: ["test/oauth/grants/commitUnknown.test.ts"]
  },
  {
    name: "codes: an answer that was given is kept",
    file: "oauth/grants/redeem.sql.ts",
    find: "yield* sql`delete from mcp.oauth_redemptions where session_id = ${sessionId}`",
    replace: "",
    tests: ["test/oauth/grants/commitUnknown.test.ts"]
  },
  {
    name: "codes: an answer is given again while it is on its way",
    file: "oauth/grants/redeem.sql.ts",
    find: "if (sealed !== null && !fates.has(code.sessionId)) settle(code.sessionId, request)",
    replace: "",
    tests: ["test/oauth/grants/instances.test.ts"]
  },
  {
    name: "codes: an answer is given again while another process may give it",
    file: "oauth/grants/redeem.sql.ts",
    find: 'if (!kept.is_settled && fate !== "lost")',
    replace: "if (false)",
    tests: ["test/oauth/grants/instances.test.ts"]
  },
  {
    name: "codes: an answer is given again once it was used",
    file: "oauth/grants/redeem.sql.ts",
    find: "and s.head_generation = 0 and s.confirmed_at is null and",
    replace: "and",
    tests: ["test/oauth/grants/instances.test.ts"]
  },
  {
    name: "codes: an answer is given again to a client that proves less",
    file: "oauth/grants/redeem.sql.ts",
    find: "and s.auth_method = ${by.method}`)",
    replace: "`)",
    tests: ["test/oauth/grants/instances.test.ts"]
  },
  {
    name: "codes: an answer that nobody waited for counts as given",
    file: "oauth/grants/token.ts",
    find: ".answered(code, Exit.isSuccess(exit))",
    replace: ".answered(code, true || Exit.isSuccess(exit))",
    tests: ["test/oauth/grants/commitUnknown.test.ts"]
  },
  {
    name: "codes: a redemption that failed may have been answered",
    file: "oauth/grants/TokenStore.ts",
    find: "Effect.onError(() => Effect.sync(() => redemptions.failed(request)))",
    replace: "(redeemed) => redeemed",
    tests: ["test/oauth/grants/commitUnknown.test.ts"]
  },
  {
    name: "rotation: what is examined is not locked",
    file: "oauth/grants/refresh.sql.ts",
    find: "where id = ${token.sessionId} for update)",
    replace: "where id = ${token.sessionId})",
    tests: ["test/oauth/grants/instances.test.ts"]
  },
  {
    name: "rotation: a repeat is given the answer before the last one",
    file: "oauth/grants/refresh.sql.ts",
    find: "chain.filter(({ generation }) => generation < headGeneration).map",
    replace: "chain.filter(({ generation }, index) => index === 0 || generation < headGeneration - 1).map",
    tests: ["test/torture/history.test.ts", "test/oauth/grants"]
  },
  {
    name: "revocation: it is answered before it is committed",
    file: "oauth/grants/TokenStore.ts",
    find: "operation(sessions.revokeSession(token, by)).pipe(telling(token.sessionId))",
    replace:
      "Effect.asVoid(Effect.forkDetach(operation(sessions.revokeSession(token, by)).pipe(telling(token.sessionId))))",
    tests: ["test/torture/history.test.ts"]
  },
  {
    name: "rotation: a failed one is told as done",
    file: "oauth/grants/refresh.sql.ts",
    find: "const row = yield* decodeRotated(rotation(sql, lifetimes, request, access, sealed))",
    replace:
      "const row = yield* decodeRotated(rotation(sql, lifetimes, request, access, sealed)).pipe(Effect.catchTag('SqlError', () => Effect.succeed({ expires_in: 3600, scopes: ['mcp.tools.call'] })))",
    tests: ["test/torture/history.test.ts"]
  },
  {
    name: "codes: an ended session keeps its answer",
    file: "oauth/grants/sessions.sql.ts",
    find: "delete from mcp.oauth_redemptions where session_id in (select id from ended)",
    replace: "select 1",
    tests: ["test/oauth/grants/instances.test.ts"]
  },
  {
    name: "codes: answers stay when the grace is over",
    file: "oauth/grants/sweep.sql.ts",
    find: "select session_id from mcp.oauth_redemptions where expires_at <= now()",
    replace: "select session_id from mcp.oauth_redemptions where expires_at <= now() - interval '1 day'",
    tests: ["test/oauth/grants/sweep.test.ts"]
  },
  {
    name: "rotation: whoever was given up before its turn goes on",
    file: "oauth/grants/refresh.sql.ts",
    find: "return rotated ?? (yield* Effect.uninterruptible(examine(request)))\n  })",
    replace: "return rotated ?? (yield* Effect.uninterruptible(examine(request)))\n  }, Effect.uninterruptible)",
    tests: ["test/oauth/grants/instances.test.ts"]
  },
  {
    name: "codes: whoever was given up before its turn goes on",
    file: "oauth/grants/redeem.sql.ts",
    find: "settle(request.code.sessionId, request)\n    return examined\n  })",
    replace: "settle(request.code.sessionId, request)\n    return examined\n  }, Effect.uninterruptible)",
    tests: ["test/oauth/grants/instances.test.ts"]
  },
  {
    name: "rotation: what was given up condemns",
    file: "oauth/grants/refresh.sql.ts",
    find: "        yield* unlessGivenUp\n",
    replace: "",
    tests: ["test/oauth/grants/instances.test.ts"]
  },
  {
    name: "codes: what was given up condemns",
    file: "oauth/grants/redeem.sql.ts",
    find: "    yield* unlessGivenUp\n",
    replace: "",
    tests: ["test/oauth/grants/instances.test.ts"]
  },
  {
    name: "consent: an answered form is answered again",
    file: "oauth/grants/codes.sql.ts",
    find: "on conflict (id) do nothing returning id`",
    replace: "on conflict (id) do update set approved = excluded.approved returning id`",
    tests: ["test/oauth/authorize/authorize.test.ts", "test/oauth/authorize/answer.test.ts"]
  },
  {
    name: "codes: of any client",
    file: "oauth/grants/redeem.sql.ts",
    find: "client_id = ${by.clientId} and code_challenge",
    replace: "code_challenge",
    tests: ["test/oauth/grants/token.test.ts"]
  },
  {
    name: "codes: one that is shown again ends nothing",
    file: "oauth/grants/redeem.sql.ts",
    find: "yield* endSession(sql, code.sessionId, end, { by })",
    replace: "",
    tests: ["test/oauth/grants/token.test.ts"]
  },
  {
    name: "rotation: an ended session is decided on",
    file: "oauth/grants/rotation.ts",
    find: 'if (session.status !== "active") return refuse(`session is ${session.status}`)',
    replace: "",
    tests: ["test/oauth/grants/rotation.test.ts"]
  },
  {
    name: "rotation: a session that ended by time",
    file: "oauth/grants/rotation.ts",
    find: 'if (session.expiresAt <= now) return refuse("session has ended")',
    replace: "",
    tests: ["test/oauth/grants/rotation.test.ts"]
  },
  {
    name: "rotation: a token from the future",
    file: "oauth/grants/rotation.ts",
    find: 'if (generation > headGeneration) return refuse("token is newer than the session: the database lost a commit", true)',
    replace: "",
    tests: ["test/oauth/grants/rotation.test.ts"]
  },
  {
    name: "rotation: a forged tag",
    file: "oauth/grants/rotation.ts",
    find: "row !== undefined && Buffer.compare(row.tokenHash, presented.hash) !== 0",
    replace: "false",
    tests: ["test/oauth/grants/rotation.test.ts"]
  },
  {
    name: "rotation: an expired head",
    file: "oauth/grants/rotation.ts",
    find: 'return row.expiresAt <= now ? refuse("token has expired") : { _tag: "Rotate" }',
    replace: 'return { _tag: "Rotate" }',
    tests: ["test/oauth/grants/rotation.test.ts"]
  },
  {
    name: "rotation: repeats without end",
    file: "oauth/grants/rotation.ts",
    find: "(row?.replays ?? 0) >= MOST_REPLAYS ?",
    replace: "(row?.replays ?? 0) < 0 ?",
    tests: ["test/oauth/grants/rotation.test.ts"]
  },
  {
    name: "rotation: a day for a successor that was used",
    file: "oauth/grants/rotation.ts",
    find: " && session.confirmedAt === null",
    replace: "",
    tests: ["test/oauth/grants/rotation.test.ts"]
  },
  {
    name: "rotation: a weaker proof will do",
    file: "oauth/grants/refresh.sql.ts",
    find: 'none: ["none"],',
    replace: "none: AUTH_METHODS,",
    tests: ["test/oauth/grants/authMethod.test.ts"]
  },
  {
    name: "introspection: of another's token",
    file: "oauth/grants/introspect.ts",
    find: " || facts.clientId !== client.clientId",
    replace: "",
    tests: ["test/oauth/grants/introspect.test.ts"]
  },
  {
    name: "revocation: of another's session",
    file: "oauth/grants/sessions.sql.ts",
    find: "if (owner?.client_id !== by.clientId) return",
    replace: "if (owner === undefined) return",
    tests: ["test/oauth/grants/revoke.test.ts"]
  },
  {
    name: "seal: one purpose opens another",
    file: "oauth/grants/seal.ts",
    find: "`gatehouse ${purpose} v1`, 32",
    replace: "`gatehouse v1`, 32",
    tests: ["test/oauth/grants/seal.test.ts"]
  },
  {
    name: "connections: what is disconnected need not ask again",
    file: "oauth/grants/connections.sql.ts",
    find: "      yield* along(ended)\n",
    replace: "",
    tests: ["test/pages/connections.test.ts"]
  },
  {
    name: "clock: codes end when this process says",
    file: "oauth/grants/redeem.sql.ts",
    find: "where code_hash = ${code.hash} and expires_at > clock_timestamp()",
    replace: "where code_hash = ${code.hash} and expires_at > ${new Date()}",
    tests: ["test/app/clock.test.ts"]
  }
]
