// biome-ignore-all lint/suspicious/noTemplateCurlyInString: what is replaced is code

/** Changes of the authorization endpoint, OpenID Connect, and the words that all of OAuth speaks. */

import type { Sabotage } from "../sabotages.ts"

export const authorize: ReadonlyArray<Sabotage> = [
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
  },
  {
    name: "authorize: plain is a method",
    file: "oauth/authorize/request.ts",
    find: 'parameters.get("code_challenge_method") !== Pkce.METHOD &&',
    replace: 'parameters.get("code_challenge_method") === "" &&',
    tests: ["test/oauth/authorize/authorize.test.ts"]
  },
  {
    name: "authorize: any challenge will do",
    file: "oauth/authorize/request.ts",
    find: '!Pkce.isChallenge(parameters.get("code_challenge") ?? "") &&',
    replace: '!parameters.has("code_challenge") &&',
    tests: ["test/oauth/authorize/authorize.test.ts"]
  },
  {
    name: "authorize: a parameter may be repeated",
    file: "oauth/authorize/request.ts",
    find: '({ repeated }) => repeated.size > 0 && invalid("a parameter is repeated"),',
    replace: "",
    tests: ["test/oauth/authorize/authorize.test.ts"]
  },
  {
    name: "authorize: state has no end",
    file: "oauth/authorize/request.ts",
    find: '({ parameters }) => isTooLong(parameters.get("state")) && invalid("state is longer than 4096 bytes"),',
    replace: "",
    tests: ["test/oauth/authorize/authorize.test.ts"]
  },
  {
    name: "authorize: a request object is ignored",
    file: "oauth/authorize/request.ts",
    find: '({ parameters }) => parameters.has("request") && new RequestNotSupported({ description: "request is not supported" }),',
    replace: "",
    tests: ["test/oauth/authorize/authorize.test.ts"]
  },
  {
    name: "authorize: a fragment may carry the answer",
    file: "oauth/authorize/request.ts",
    find: '(parameters.get("response_mode") ?? "query") !== "query" &&',
    replace: "false &&",
    tests: ["test/oauth/authorize/authorize.test.ts"]
  },
  {
    name: "authorize: a disabled client may ask",
    file: "oauth/authorize/request.ts",
    find: 'if (registered?.disabled) return yield* new ShownToUser({ reason: "client_unknown" })',
    replace: "",
    tests: ["test/oauth/authorize/authorize.test.ts"]
  },
  {
    name: "authorize: any client's errors go anywhere",
    file: "oauth/authorize/request.ts",
    find: 'client.origin === "configured" || (yield* store.hasSession(client.clientId, redirectUri))',
    replace: "true",
    tests: ["test/oauth/authorize/openRedirector.test.ts"]
  },
  {
    name: "authorize: a repeated client_id is read",
    file: "oauth/authorize/request.ts",
    find: "(sent.repeated.has(name) ? undefined : sent.parameters.get(name))",
    replace: "sent.parameters.get(name)",
    tests: ["test/oauth/authorize/authorize.test.ts"]
  },
  {
    name: "consent: the request is not under a MAC",
    file: "oauth/authorize/consentForm.ts",
    find: 'equal(signature, mac(key, "transaction", content)) &&',
    replace: "",
    tests: ["test/oauth/authorize/consentForm.test.ts", "test/oauth/authorize/authorize.test.ts"]
  },
  {
    name: "consent: the form is any browser's",
    file: "oauth/authorize/consentForm.ts",
    find: 'equal(form.csrfToken, mac(key, "csrf", form.transaction, browserId))',
    replace: "true",
    tests: ["test/oauth/authorize/consentForm.test.ts", "test/oauth/authorize/authorize.test.ts"]
  },
  {
    name: "consent: a form never expires",
    file: "oauth/authorize/demo.ts",
    find: "if (read.value.expires_at < (yield* Clock.currentTimeMillis)) {",
    replace: "if (read.value.expires_at < 0) {",
    tests: ["test/oauth/authorize/authorize.test.ts"]
  },
  {
    name: "consent: a foreign page may post",
    file: "oauth/authorize/demo.ts",
    find: 'if (!postedByUs(config, request)) return yield* new ShownToUser({ reason: "form_foreign" })',
    replace: "",
    tests: ["test/oauth/authorize/authorize.test.ts"]
  },
  {
    name: "consent: the client is not matched again",
    file: "oauth/authorize/answer.ts",
    find: "const matched = yield* matchClient(request.clientId, request.redirectUri)",
    replace:
      'const matched = { ...(yield* matchClient(request.clientId, request.redirectUri).pipe(Effect.orElseSucceed(() => ({ client: { origin: "configured" }, snapshot: undefined } as never)))) }',
    tests: ["test/oauth/authorize/authorize.test.ts"]
  },
  {
    name: "pkce: a short verifier",
    file: "oauth/pkce.ts",
    find: "{43,128}$/",
    replace: "{1,128}$/",
    tests: ["test/oauth/pkce.test.ts"]
  },
  {
    name: "pkce: a long verifier",
    file: "oauth/pkce.ts",
    find: "{43,128}$/",
    replace: "{43,}$/",
    tests: ["test/oauth/pkce.test.ts"]
  },
  {
    name: "pkce: a padded challenge",
    file: "oauth/pkce.ts",
    find: "/^[A-Za-z0-9_-]{43}$/",
    replace: "/^[A-Za-z0-9_-]{43}=?$/",
    tests: ["test/oauth/pkce.test.ts"]
  },
  {
    name: "scope: narrowed to more",
    file: "oauth/scope.ts",
    find: "asked.every((token) => granted.includes(token)) ? asked",
    replace: "asked.some((token) => granted.includes(token)) ? asked",
    tests: ["test/oauth/scope.test.ts"]
  },
  {
    name: "scope: any character",
    file: "oauth/scope.ts",
    find: "SCOPE.test(scope)",
    replace: 'scope !== "\\0"',
    tests: ["test/oauth/scope.test.ts"]
  },
  {
    name: "scope: unknown ones are granted",
    file: "oauth/scope.ts",
    find: "tokens.filter((token) => catalogue.has(token))",
    replace: 'tokens.filter((token) => token !== "")',
    tests: ["test/oauth/scope.test.ts"]
  },
  {
    name: "resource: of another server",
    file: "oauth/parameters.ts",
    find: '!sent.split(" ").every((name) => isResource(config, name))',
    replace: '!sent.split(" ").some((name) => isResource(config, name))',
    tests: ["test/oauth/authorize/authorize.test.ts", "test/oauth/grants/token.test.ts"]
  },
  {
    name: "parameters: in the URL",
    file: "oauth/parameters.ts",
    find: 'if (request.url.includes("?")) return yield* new InvalidRequest({ description: "parameters belong in the body" })',
    replace: "",
    tests: ["test/oauth/grants/token.test.ts"]
  },
  {
    name: "parameters: repeated ones",
    file: "oauth/parameters.ts",
    find: 'if (repeated.size > 0) return yield* new InvalidRequest({ description: "a parameter is repeated" })',
    replace: "",
    tests: ["test/oauth/grants/token.test.ts"]
  },
  {
    name: "parameters: any number of them",
    file: "oauth/parameters.ts",
    find: "if (holdsTooMany(text))",
    replace: "if (false)",
    tests: ["test/oauth/grants/token.test.ts"]
  },
  {
    name: "limits: failures are not charged",
    file: "oauth/RateLimits.ts",
    find: 'error._tag === "StoreUnavailable" || error._tag === "slow_down"',
    replace: "true",
    tests: ["test/oauth/limits.test.ts"]
  },
  {
    name: "limits: an IPv6 address for itself",
    file: "oauth/RateLimits.ts",
    find: 'Effect.flatMap(callerAddress, (address) => charge("failures", networkOf(address), failures))',
    replace: 'Effect.flatMap(callerAddress, (address) => charge("failures", address, failures))',
    tests: ["test/oauth/limits.test.ts"]
  },
  {
    name: "demo: answers for whomever a hint names",
    file: "oauth/authorize/demo.ts",
    find: "(request.hintedSubject ?? DEMO_SUBJECT) !== DEMO_SUBJECT",
    replace: "false",
    tests: ["test/oauth/openid/openid.test.ts"]
  },
  {
    name: "openid: an ID token of another key is a hint",
    file: "oauth/openid/SigningKeys.ts",
    find: "const { payload } = await jwtVerify(token, publicKey, { issuer, currentDate: new Date(0) })",
    replace: "const payload = decodeJwt(token)",
    tests: ["test/oauth/openid/openid.test.ts"]
  }
]
