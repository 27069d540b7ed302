// biome-ignore-all lint/suspicious/noTemplateCurlyInString: what is replaced is code

/** Changes of pages and what they are made of. */

import type { Sabotage } from "../sabotages.ts"

export const pages: ReadonlyArray<Sabotage> = [
  {
    name: "upstream: another site begins a sign-in",
    file: "pages/upstream.ts",
    find: "if (!postedByUs(",
    replace: "if (false && !postedByUs(",
    tests: ["test/people/upstreamHostile.test.ts"]
  },
  {
    name: "upstream: a link is finished in another browser session",
    file: "pages/upstream.ts",
    find: "visiting.session.id !== purpose.sessionId || visiting.person.id !== purpose.personId",
    replace: "false",
    tests: ["test/people/upstream.test.ts"]
  },
  {
    name: "upstream: a link needs no fresh sign-in",
    file: "pages/upstream.ts",
    find: "const departToLink = Effect.gen(function* () {\n  const visiting = yield* fresh",
    replace: "const departToLink = Effect.gen(function* () {\n  const visiting = yield* signedIn",
    tests: ["test/people/upstream.test.ts"]
  },
  {
    name: "check: the answer of another server is taken",
    file: "html/script.js",
    find: ' && answer.get("iss") === issuer',
    replace: "",
    tests: ["test/e2e/check.test.ts"]
  },
  {
    name: "check: the answer to another tab's question is taken",
    file: "html/script.js",
    find: ' && answer.get("state") === kept.state',
    replace: "",
    tests: ["test/e2e/check.test.ts"]
  },
  {
    name: "check: its client keeps the address of another BASE_URL",
    file: "pages/check.ts",
    find: "known?.redirectUris.join() === redirectUri",
    replace: "known !== undefined",
    tests: ["test/pages/check.test.ts"]
  },
  {
    name: "pages: a form of another browser passes",
    file: "pages/visitor.ts",
    find: "if (!isOurs) return yield* new FormForeign()",
    replace: "",
    tests: ["test/pages/access.test.ts"]
  },
  {
    name: "pages: a person is led elsewhere after signing in",
    file: "pages/visitor.ts",
    find: "  return url.origin === base && !/^\\/(\\/|log",
    replace: "  return !/^\\/(log",
    tests: ["test/pages/signIn.test.ts"]
  },
  {
    name: "pages: a consent is remembered for a loopback address",
    file: "pages/consent.ts",
    find: "scopes === undefined || isLocal(transaction.redirect_uri) ?",
    replace: "scopes === undefined ?",
    tests: ["test/pages/consent.test.ts"]
  },
  {
    name: "pages: what was not ticked is granted",
    file: "pages/consent.ts",
    find: "!isOptional(scope) || answer.has(tickName(scope))",
    replace: "true",
    tests: ["test/pages/consent.test.ts"]
  },
  {
    name: "sign-up: open where it is not said",
    file: "pages/enrolment.ts",
    find: 'if ((yield* ServerConfig).signUp !== "open") return yield* new NotThere()',
    replace: "",
    tests: ["test/pages/signUp.test.ts"]
  },
  {
    name: "sign-up: open before anybody owns the server",
    file: "pages/enrolment.ts",
    find: "  return yield* (yield* People).isSetUp",
    replace: "  return true",
    tests: ["test/pages/signUp.test.ts"]
  },
  {
    name: "sign-up: a network makes as many accounts as it likes",
    file: "pages/enrolment.ts",
    find: 'if (kind === "signup") yield* (yield* Throttle).signUp(address)',
    replace: "",
    tests: ["test/pages/signUp.test.ts"]
  },
  {
    name: "sign-up: a passkey that was asked for by one address makes another one's account",
    file: "pages/enrolment.ts",
    find: "`sign-up ${email}`",
    replace: '"sign-up"',
    tests: ["test/pages/signUp.test.ts"]
  },
  {
    name: "admin/servers: a command is passed over",
    file: "pages/admin/servers.ts",
    find: "if (odd !== undefined)",
    replace: "if (false)",
    tests: ["test/pages/adminServers.test.ts"]
  }
]
