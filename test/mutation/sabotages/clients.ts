// biome-ignore-all lint/suspicious/noTemplateCurlyInString: what is replaced is code

/** Changes of clients: registration, documents, authentication. */

import type { Sabotage } from "../sabotages.ts"

export const clients: ReadonlyArray<Sabotage> = [
  {
    name: "secret: compared by its first 20 characters",
    file: "oauth/clients/secret.ts",
    find: 'const digest = (secret: Redacted.Redacted) => createHash("sha256").update(Redacted.value(secret)).digest()',
    replace:
      'const digest = (secret: Redacted.Redacted) => createHash("sha256").update(Redacted.value(secret).slice(0, 20)).digest()',
    tests: ["test/oauth/clients"]
  },
  {
    name: "redirect: the port of https is free",
    file: "oauth/clients/redirectUri.ts",
    find: "/^http:\\/\\/(127",
    replace: "/^https?:\\/\\/(127",
    tests: ["test/oauth/clients/redirectUri.test.ts"]
  },
  {
    name: "redirect: the path does not count",
    file: "oauth/clients/redirectUri.ts",
    find: 'return `${match[1]} ${match[3] ?? ""}`',
    replace: "return `${match[1]}`",
    tests: ["test/oauth/clients/redirectUri.test.ts"]
  },
  {
    name: "redirect: the host does not count",
    file: "oauth/clients/redirectUri.ts",
    find: 'return `${match[1]} ${match[3] ?? ""}`',
    replace: 'return `${match[3] ?? ""}`',
    tests: ["test/oauth/clients/redirectUri.test.ts"]
  },
  {
    name: "redirect: a fragment may be registered",
    file: "oauth/clients/redirectUri.ts",
    find: 'if (uri.includes("#")) return "has a fragment"',
    replace: "",
    tests: ["test/oauth/clients/redirectUri.test.ts"]
  },
  {
    name: "redirect: credentials may be registered",
    file: "oauth/clients/redirectUri.ts",
    find: 'if (url.username !== "" || url.password !== "") return "holds credentials"',
    replace: "",
    tests: ["test/oauth/clients/redirectUri.test.ts"]
  },
  {
    name: "redirect: http anywhere",
    file: "oauth/clients/redirectUri.ts",
    find: 'if (url.protocol === "http:" && LOOPBACK.has(url.hostname)) return undefined',
    replace: 'if (url.protocol === "http:") return undefined',
    tests: ["test/oauth/clients/redirectUri.test.ts"]
  },
  {
    name: "redirect: a code may stand in it",
    file: "oauth/clients/redirectUri.ts",
    find: '["code", "state", "iss", "error", "error_description", "error_uri"]',
    replace: '["state", "iss", "error", "error_description", "error_uri"]',
    tests: ["test/oauth/clients/redirectUri.test.ts"]
  },
  {
    name: "redirect: unsafe characters",
    file: "oauth/clients/redirectUri.ts",
    find: 'if (UNSAFE.test(uri)) return "holds',
    replace: 'if (uri === "") return "holds',
    tests: ["test/oauth/clients/redirectUri.test.ts"]
  },
  {
    name: "assertion: used twice",
    file: "oauth/clients/assertion.ts",
    find: 'return isFirst || (yield* refuse("it was used before"))',
    replace: "return true",
    tests: ["test/oauth/clients/documents.test.ts"]
  },
  {
    name: "assertion: for years",
    file: "oauth/clients/assertion.ts",
    find: 'if (exp * 1000 - now > MAX_LIFETIME_SECONDS * 1000) return yield* refuse("it lives too long")',
    replace: "",
    tests: ["test/oauth/clients/documents.test.ts"]
  },
  {
    name: "assertion: for anybody",
    file: "oauth/clients/assertion.ts",
    find: "audience: [issuer, `${issuer}/token`],",
    replace: "",
    tests: ["test/oauth/clients/documents.test.ts"]
  },
  {
    name: "assertion: of another issuer",
    file: "oauth/clients/assertion.ts",
    find: "issuer: client.clientId,",
    replace: "",
    tests: ["test/oauth/clients/documents.test.ts"]
  },
  {
    name: "authentication: without the method of the client",
    file: "oauth/clients/authentication.ts",
    find: "client === undefined || !client.authMethods.includes(method)",
    replace: "client === undefined",
    tests: ["test/oauth/clients/authentication.test.ts", "test/oauth/grants/token.test.ts"]
  },
  {
    name: "authentication: two methods at once",
    file: "oauth/clients/authentication.ts",
    find: ".filter((proof) => proof !== undefined).length > 1",
    replace: ".filter((proof) => proof !== undefined).length > 9",
    tests: ["test/oauth/clients/authentication.test.ts", "test/oauth/grants/token.test.ts"]
  },
  {
    name: "authentication: introspection without a proof",
    file: "oauth/clients/authentication.ts",
    find: 'return proven.method === "none" ? yield* failed(authorization !== undefined) : proven',
    replace: "return proven",
    tests: ["test/oauth/grants/introspect.test.ts"]
  },
  {
    name: "registration: without the initial token",
    file: "oauth/clients/routes.ts",
    find: "presented !== undefined && equal(presented, dynamic.initialAccessToken)",
    replace: "true",
    tests: ["test/oauth/clients/registration.test.ts"]
  },
  {
    name: "registration: managed with any token",
    file: "oauth/clients/clients.sql.ts",
    find: " and registration_token_hash = ${tokenHash}",
    replace: "",
    tests: ["test/oauth/clients/registration.test.ts"]
  },
  {
    name: "registration: a client may choose its secret",
    file: "oauth/clients/registration.ts",
    find: "yield* sameSecret(client.secret, given.client_secret)",
    replace: "",
    tests: ["test/oauth/clients/registration.test.ts"]
  },
  {
    name: "registration: private keys are kept",
    file: "oauth/clients/metadata.ts",
    find: 'if (holdsSecret(given.jwks)) return yield* Result.fail(wrong("jwks holds a private or symmetric key"))',
    replace: "",
    tests: ["test/oauth/clients/registration.test.ts"]
  },
  {
    name: "documents: the URL in it may differ",
    file: "oauth/clients/document.ts",
    find: "if (said.client_id !== url) return",
    replace: "if (said.client_id === undefined) return",
    tests: ["test/oauth/clients/documents.test.ts"]
  },
  {
    name: "documents: a secret in it",
    file: "oauth/clients/document.ts",
    find: 'if (Object.keys(said).some((name) => name.startsWith("client_secret"))) {',
    replace: "if (false) {",
    tests: ["test/oauth/clients/documents.test.ts"]
  },
  {
    name: "documents: a copy replaces what is newer",
    file: "oauth/clients/clients.sql.ts",
    find: "where oauth_clients.origin = 'document' and ${!isCopy}`",
    replace: "where oauth_clients.origin = 'document'`",
    tests: ["test/oauth/clients/documents.test.ts", "test/oauth/authorize/answer.test.ts"]
  },
  {
    name: "secret: the first characters of a digest",
    file: "oauth/clients/secret.ts",
    find: "presented.length === stored.length && timingSafeEqual(presented, stored)",
    replace: "timingSafeEqual(presented.subarray(0, 1), stored.subarray(0, 1))",
    tests: ["test/oauth/clients/secret.test.ts"]
  }
]
