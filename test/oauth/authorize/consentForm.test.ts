import { createHmac, randomBytes } from "node:crypto"
import { assert, describe, it } from "@effect/vitest"
import { Option, Schema } from "effect"
import * as ConsentForm from "../../../src/oauth/authorize/consentForm.ts"
import { deriveServerKey } from "../../../src/oauth/tokens/ServerKeys.ts"

const key = deriveServerKey(0, randomBytes(32))
const byId = (id: number) => (id === 0 ? key : undefined)
const request = {
  client: {
    clientId: "demo",
    name: "Demo",
    redirectUris: ["http://127.0.0.1/callback"],
    grantTypes: ["authorization_code"] as const,
    authMethods: ["none"] as const,
    secret: undefined,
    disabled: false,
    origin: "configured" as const,
    keys: undefined
  },
  snapshot: undefined,
  redirectUri: "http://127.0.0.1:9/callback",
  state: undefined,
  scopes: ["mcp.tools.call"],
  resource: "http://localhost:3000/mcp",
  codeChallenge: "c".repeat(43),
  prompt: [],
  nonce: undefined,
  maxAge: undefined,
  loginHint: undefined,
  hintedSubject: undefined,
  sent: new Map<string, string>()
}

describe("consent forms", () => {
  it.prop("a form reads back, whatever the state", [Schema.String], ([state]) => {
    const transaction = ConsentForm.begin({ ...request, state: state.toWellFormed() }, key, 0)
    const browserId = ConsentForm.newBrowserId()
    const fields = ConsentForm.fieldsOf(transaction, key, browserId)
    const read = ConsentForm.read(
      { transaction: fields.transaction, csrfToken: fields.csrf_token },
      () => browserId,
      byId
    )
    assert.deepStrictEqual(Option.getOrUndefined(read), transaction)
  })

  it("UI1 UI2 UI3 another browser, another token or another transaction does not pass", () => {
    const [mine, theirs] = [ConsentForm.newBrowserId(), ConsentForm.newBrowserId()]
    const one = ConsentForm.fieldsOf(ConsentForm.begin(request, key, 0), key, mine)
    const other = ConsentForm.fieldsOf(ConsentForm.begin(request, key, 0), key, mine)
    const passes = (transaction: string, csrfToken: string, browserId: string) =>
      Option.isSome(ConsentForm.read({ transaction, csrfToken }, () => browserId, byId))
    assert.isTrue(passes(one.transaction, one.csrf_token, mine))
    assert.isFalse(passes(one.transaction, one.csrf_token, theirs))
    assert.isFalse(passes(one.transaction, other.csrf_token, mine))
    assert.isFalse(passes(one.transaction, "", mine))
    assert.isFalse(passes(`${one.transaction}x`, one.csrf_token, mine))
    assert.isFalse(passes("", one.csrf_token, mine))
    const [content = "", signature = ""] = one.transaction.split(".")
    const forged = Buffer.from(Buffer.from(content, "base64url").toString().replace("demo", "evil")).toString(
      "base64url"
    )
    assert.isFalse(passes(`${forged}.${signature}`, one.csrf_token, mine))
    // Each of the two has to be right by itself.
    const csrfOf = (transaction: string) =>
      createHmac("sha256", key.consentKey).update(`csrf\n${transaction}\n${mine}`).digest("base64url")
    assert.isTrue(passes(one.transaction, csrfOf(one.transaction), mine))
    assert.isFalse(passes(`${forged}.${signature}`, csrfOf(`${forged}.${signature}`), mine))
  })
})
