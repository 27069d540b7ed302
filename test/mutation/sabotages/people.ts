// biome-ignore-all lint/suspicious/noTemplateCurlyInString: what is replaced is code

/** Changes of people: ways in, links, recovery, limits. */

import type { Sabotage } from "../sabotages.ts"

export const people: ReadonlyArray<Sabotage> = [
  {
    name: "people: a browser changes hands in two steps",
    file: "people/browserSessions.sql.ts",
    find: "    return { token, session: toSession(begun) }\n  }, sql.withTransaction)",
    replace: "    return { token, session: toSession(begun) }\n  })",
    tests: ["test/people/faults.test.ts"]
  },
  {
    name: "upstream: an ID token's signature is not checked",
    file: "people/upstream/Upstream.ts",
    find: "        client.enableNonRepudiationChecks(found)\n",
    replace: "",
    tests: ["test/people/upstreamHostile.test.ts"]
  },
  {
    name: "upstream: an issuer that differs by a slash is the same",
    file: "people/upstream/Upstream.ts",
    find: "if (metadata.issuer !== issuer) {",
    replace: "if (new URL(metadata.issuer).href !== new URL(issuer).href) {",
    tests: ["test/people/upstreamHostile.test.ts"]
  },
  {
    name: "upstream: the nonce is not compared",
    file: "people/upstream/Upstream.ts",
    find: "expectedNonce: nonce,",
    replace: "expectedNonce: client.randomNonce.length === 0 ? undefined : nonce,",
    tests: ["test/people/upstreamHostile.test.ts"]
  },
  {
    name: "upstream: a ceremony is good for every provider",
    file: "people/upstream/Upstream.ts",
    find: "const kindOf = ({ name }: ProviderConfig) => `upstream ${name}`",
    replace: "const kindOf = (_: ProviderConfig) => `upstream`",
    tests: ["test/people/upstreamHostile.test.ts"]
  },
  {
    name: "upstream: the state is not compared",
    file: "people/upstream/Upstream.ts",
    find: "expectedState: state,",
    replace: "expectedState: client.skipStateCheck,",
    tests: ["test/people/upstreamHostile.test.ts"]
  },
  {
    name: "upstream: a failure of discovery is remembered",
    file: "people/upstream/Upstream.ts",
    find: "(Exit.isSuccess(exit) ? DISCOVERED_FOR : Duration.zero)",
    replace: "(Exit.isSuccess(exit) ? DISCOVERED_FOR : DISCOVERED_FOR)",
    tests: ["test/people/upstreamHostile.test.ts"]
  },
  {
    name: "upstream: a stale sign-in there is a fresh one here",
    file: "people/upstream/Upstream.ts",
    find: "purpose.isAgain && isStale",
    replace: "purpose.isAgain && isStale && false",
    tests: ["test/people/upstreamHostile.test.ts"]
  },
  {
    name: "upstream: an unverified address follows an invitation",
    file: "people/identities.sql.ts",
    find: "const verified = emailVerified ? email : undefined",
    replace: "const verified = email",
    tests: ["test/people/upstream.test.ts"]
  },
  {
    name: "upstream: an address that nobody vouched for is matched",
    file: "people/identities.sql.ts",
    find: "if (person?.emailVerifiedBy !== undefined) return",
    replace: "if (person !== undefined) return",
    tests: ["test/people/upstream.test.ts"]
  },
  {
    name: "upstream: a disabled person comes in",
    file: "people/identities.sql.ts",
    find: 'return before.isDisabled ? yield* deny("disabled") : before',
    replace: "return before",
    tests: ["test/people/upstream.test.ts"]
  },
  {
    name: "upstream: the first to come by a rule is nobody's member",
    file: "people/identities.sql.ts",
    find: 'if (!(yield* people.hasOwner)) return yield* deny("nobody here yet")\n',
    replace: "\n",
    tests: ["test/people/upstream.test.ts"]
  },
  {
    name: "upstream: two tabs at once",
    file: "people/identities.sql.ts",
    find: "yield* sql`select pg_advisory_xact_lock(hashtextextended(${JSON.stringify([issuer, subject])}, 0))`",
    replace: "yield* Effect.void",
    tests: ["test/people/upstream.test.ts"]
  },
  {
    name: "upstream: the last way in is removed",
    file: "people/identities.sql.ts",
    find: "        and ${hasOtherWayIn(sql, personId, here, { issuer, subject })}\n",
    replace: "",
    tests: ["test/people/upstream.test.ts"]
  },
  {
    name: "upstream: two removals at once leave nothing",
    file: "people/identities.sql.ts",
    find: "yield* hold(sql, personId)",
    replace: "yield* Effect.void",
    tests: ["test/people/upstream.test.ts"]
  },
  {
    name: "upstream: a reset leaves the old browsers signed in",
    file: "people/People.ts",
    find: "        yield* people.signOut(person.id, { id: person.id, address })\n",
    replace: "",
    tests: ["test/people/upstream.test.ts"]
  },
  {
    name: "upstream: Google vouches for every address",
    file: "people/upstream/identity.ts",
    find: "(!isGoogle(provider) || ",
    replace: "(true || ",
    tests: ["test/people/upstreamIdentity.test.ts"]
  },
  {
    name: "upstream: Google's domain is that of the address",
    file: "people/upstream/identity.ts",
    find: "isGoogle(provider) ? claims.hd :",
    replace: "false ? claims.hd :",
    tests: ["test/people/upstreamIdentity.test.ts"]
  },
  {
    name: "people: a code is issued to whoever was disabled meanwhile",
    file: "people/people.sql.ts",
    find: "where id = ${id} and disabled_at is null for share",
    replace: "where id = ${id} for share",
    tests: ["test/pages/consent.test.ts"]
  },
  {
    name: "people: a disabled person's browser is still signed in",
    file: "people/browserSessions.sql.ts",
    find: "p.disabled_at is null and b.expires_at",
    replace: "b.expires_at",
    tests: ["test/pages/access.test.ts"]
  },
  {
    name: "people: a new password ends nothing",
    file: "people/people.sql.ts",
    find: '    yield* signOutEverywhere(id, "the password was changed", keptBrowser)\n',
    replace: "",
    tests: ["test/pages/signIn.test.ts"]
  },
  {
    name: "people: the demo goes on beside an owner",
    file: "people/People.ts",
    find: 'if (kind === "setup") yield* endSessionsOf',
    replace: "if (false) yield* endSessionsOf",
    tests: ["test/pages/consent.test.ts"]
  },
  {
    name: "people: two owners demote each other",
    file: "people/people.sql.ts",
    find: "order by id for no key update`)",
    replace: "order by id`)",
    tests: ["test/people/races.test.ts"]
  },
  {
    name: "people: a reset link is followed before its person is held",
    file: "people/People.ts",
    find: "        if (found?.personId !== undefined) yield* hold(sql, found.personId)\n",
    replace: "",
    tests: ["test/people/races.test.ts"]
  },
  {
    name: "people: of many reset links made at once all are good",
    file: "people/links.sql.ts",
    find: "if (!(yield* hold(sql, personId))) return undefined",
    replace: "",
    tests: ["test/people/races.test.ts"]
  },
  {
    name: "people: two tabs make twenty recovery codes",
    file: "people/RecoveryStore.ts",
    find: "        yield* hold(sql, personId)\n",
    replace: "",
    tests: ["test/people/races.test.ts"]
  },
  {
    name: "people: two removals of passkeys at once leave nothing",
    file: "people/passkeys/passkeys.sql.ts",
    find: "    yield* hold(sql, personId)\n",
    replace: "",
    tests: ["test/people/races.test.ts"]
  },
  {
    name: "people: a recovery code is anybody's",
    file: "people/RecoveryStore.ts",
    find: "code_hash = ${hashOf(code)} and person_id = ${personId} returning 1",
    replace: "code_hash = ${hashOf(code)} returning 1",
    tests: ["test/people/recovery.test.ts"]
  },
  {
    name: "people: a browser that is known waits with the others",
    file: "people/Throttle.ts",
    find: "if (browser !== undefined) return yield* charge",
    replace: "if (browser !== undefined) yield* charge",
    tests: ["test/people/throttle.test.ts"]
  },
  {
    name: "people: any mark makes a browser known",
    file: "people/Throttle.ts",
    find: 'isMarkOf(keys, signature.join(":"), KNOWN_MARK, personId, id) ? id',
    replace: "signature.length > 0 ? id",
    tests: ["test/people/throttle.test.ts"]
  },
  {
    name: "people: idle browsers are never swept",
    file: "people/sweep.sql.ts",
    find: 'yield* past("browser_sessions", "last_used_at", BROWSER_LIFETIMES.member.idle, batch - ended)',
    replace: "0",
    tests: ["test/people/sweep.test.ts"]
  },
  {
    name: "people: a link is good twice",
    file: "people/links.sql.ts",
    find: "      delete from mcp.links\n      where token_hash = ${hashOf(code)} and kind = ${kind}",
    replace: "      update mcp.links set role = role\n      where token_hash = ${hashOf(code)} and kind = ${kind}",
    tests: ["test/pages/signIn.test.ts"]
  },
  {
    name: "pages: a sign-in goes on under the old token",
    file: "people/browserSessions.sql.ts",
    find: "set token_hash = ${hashOf(token)}, method = ${method}",
    replace: "set method = ${method}",
    tests: ["test/pages/signIn.test.ts"]
  },
  {
    name: "pages: what was not ticked is never asked for again",
    file: "people/ConsentStore.ts",
    find: " and scopes @> asked",
    replace: "",
    tests: ["test/pages/consent.test.ts"]
  },
  {
    name: "sign-up: the address counts as verified",
    file: "people/People.ts",
    find: 'role: "member", emailVerifiedBy: undefined',
    replace: 'role: "member", emailVerifiedBy: "owner"',
    tests: ["test/pages/signUp.test.ts"]
  },
  {
    name: "sign-up: an address that was invited is anybody's",
    file: "people/people.sql.ts",
    find: "where kind = 'invitation' and lower(email) = lower(${person.email}) and expires_at > clock_timestamp())",
    replace: "where false)",
    tests: ["test/pages/signUp.test.ts"]
  },
  {
    name: "people: a passkey of another name of the server counts as a way in",
    file: "people/people.sql.ts",
    find: "and k.rp_id = ${rpId}",
    replace: "",
    tests: ["test/app/baseUrl.test.ts"]
  }
]
