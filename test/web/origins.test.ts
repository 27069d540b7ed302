import { assert, describe, it } from "@effect/vitest"
import { Schema } from "effect"
import { hostAllowed, originAllowed } from "../../src/web/origins.ts"

const Port = Schema.Int.check(Schema.isBetween({ minimum: 1, maximum: 65_535 }))

describe("allow-lists", () => {
  it.prop(
    "MC1 a host without a port in the list admits every port, one with a port only that",
    [Port, Port],
    ([one, other]) => {
      assert.isTrue(hostAllowed(["app.example"], `APP.example:${one}`))
      assert.isTrue(hostAllowed(["app.example"], "app.example"))
      assert.strictEqual(hostAllowed([`app.example:${one}`], `app.example:${other}`), one === other)
      assert.isTrue(hostAllowed(["[::1]"], `[::1]:${one}`))
    }
  )

  it("MC1 missing, joined, look-alike and malformed hosts are refused", () => {
    for (const bad of [
      undefined,
      "",
      "app.example, app.example",
      "app.example.evil.example",
      "evil-app.example",
      "app.example:x",
      "u@app.example",
      "app.example/"
    ]) {
      assert.isFalse(hostAllowed(["app.example"], bad), bad ?? "missing")
    }
  })

  it("MC3 null, look-alikes and another scheme are refused", () => {
    for (const bad of [
      undefined,
      "null",
      "https://app.example.evil.example",
      "http://app.example",
      "https://app.example:8443",
      "https://app.example/",
      "garbage"
    ]) {
      assert.isFalse(originAllowed(["https://app.example"], bad), bad ?? "missing")
    }
    assert.isTrue(originAllowed(["https://app.example"], "https://app.example"))
  })

  it.prop("an entry with an open port admits each port of that host alone", [Port], ([port]) => {
    assert.isTrue(originAllowed(["http://localhost:*"], `http://localhost:${port}`))
    assert.isTrue(originAllowed(["http://localhost:*"], "http://localhost"))
    assert.isFalse(originAllowed(["http://localhost:*"], `http://localhost.evil.example:${port}`))
    assert.isFalse(originAllowed(["http://localhost:*"], `http://localhost:${port}.evil.example`))
  })

  it("F23 an entry with an open scheme admits each page of that app alone", () => {
    const webview = "vscode-webview://1qg0f5o4h2n7"
    assert.isTrue(originAllowed(["vscode-webview://*"], webview))
    assert.isTrue(originAllowed(["capacitor://localhost"], "capacitor://localhost"))
    for (const other of ["vscode-webviewx://a", "https://a", "vscode-webview://", "vscode-webview://a/b", "null"]) {
      assert.isFalse(originAllowed(["vscode-webview://*"], other), other)
    }
    assert.isFalse(originAllowed(["capacitor://localhost"], webview))
  })
})
