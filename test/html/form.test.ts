import { assert, describe, it } from "@effect/vitest"
import { type Field, type FormOptions, form } from "../../src/html/form.ts"
import { html } from "../../src/html/html.ts"
import { confirmation, copyField, table } from "../../src/html/parts.ts"

const email: Field = {
  kind: "email",
  name: "email",
  label: "E-mail",
  autocomplete: "username webauthn",
  hint: "Yours."
}
const password: Field = { kind: "password", name: "password", label: "Password", autocomplete: "current-password" }
const code: Field = { kind: "code", name: "code", label: "Code", autocomplete: "off", isFromAddress: true }
const scopes: Field = {
  kind: "checkboxes",
  name: "scope",
  label: "May",
  checked: ["b"],
  choices: [
    { value: "a", label: "Always", isFixed: true },
    { value: "b", label: "If ticked", hint: "As you like." },
    { value: "c", label: "If ticked too" }
  ]
}

const made = (over: Partial<FormOptions> = {}) =>
  form({ action: "/login", fields: [email, password, code, scopes], buttons: [{ label: "Sign in" }], ...over }).markup

/** The start tag of the element that has this attribute. */
const tag = (markup: string, attribute: string) =>
  markup.match(/<[a-z][^>]*>/g)?.find((start) => start.includes(attribute)) ?? assert.fail(`no ${attribute}`)

describe("form", () => {
  it("UI2 posts to the path, with the token and what is hidden", () => {
    const markup = made({ csrfToken: 'a"token', hidden: { continue: "/authorize?x=1&y=2" } })
    assert.include(markup, '<form method="post" action="/login">')
    assert.include(markup, '<input type="hidden" name="csrf_token" value="a&quot;token">')
    assert.include(markup, '<input type="hidden" name="continue" value="/authorize?x=1&amp;y=2">')
  })

  it("UI9 every field has a label of its own, and its hint is read out with it", () => {
    const markup = made()
    for (const id of ["login-email", "login-password", "login-code", "login-scope-0", "login-scope-2"]) {
      assert.include(markup, `<label for="${id}">`)
      assert.lengthOf(markup.match(new RegExp(` id="${id}"`, "g")) ?? [], 1)
    }
    assert.include(tag(markup, 'name="email"'), 'aria-describedby="login-email-hint"')
    assert.include(tag(markup, 'name="b"'), 'aria-describedby="login-scope-1-hint"')
    assert.notInclude(markup, "aria-invalid")
    assert.notInclude(markup, "autofocus")
  })

  it("UI9 a wrong field says so, beside it and aloud, and the first one alone has the focus", () => {
    const markup = made({ errors: { password: "Wrong <password>.", code: "Wrong code." } })
    assert.include(markup, '<p class="error" id="login-password-error">Wrong &lt;password&gt;.</p>')
    for (const name of ["password", "code"]) {
      assert.include(tag(markup, `name="${name}"`), 'aria-invalid="true"')
      assert.include(tag(markup, `name="${name}"`), `aria-describedby="login-${name}-error"`)
    }
    assert.notInclude(tag(markup, 'name="email"'), "aria-invalid")
    assert.include(tag(markup, 'name="password"'), "autofocus")
    assert.lengthOf(markup.match(/autofocus/g) ?? [], 1)
    assert.include(made({ errors: { email: "No." } }), 'aria-describedby="login-email-hint login-email-error"')
  })

  it("UI9 a wrong choice is told of with its group", () => {
    const markup = made({ errors: { scope: "Choose one." } })
    assert.include(tag(markup, "<fieldset"), 'aria-describedby="login-scope-error"')
    assert.lengthOf(markup.match(/autofocus/g) ?? [], 1)
  })

  it("what was typed is shown again, but no password and no code", () => {
    const markup = made({ values: { email: "ada@example.com", password: "canary-1", code: "canary-2" } })
    assert.include(tag(markup, 'name="email"'), 'value="ada@example.com"')
    assert.notInclude(markup, "canary")
  })

  it("ASVS 6.2.6 6.2.7 passwords are masked; browsers and password managers may fill in and paste: each field says what it is", () => {
    const markup = made()
    assert.include(tag(markup, 'name="email"'), 'type="email" autocomplete="username webauthn"')
    assert.include(tag(markup, 'name="password"'), 'type="password" autocomplete="current-password"')
    assert.include(tag(markup, 'name="code"'), "data-code-from-address")
    assert.notInclude(markup, "onpaste")
  })

  it("what cannot be unticked is not posted", () => {
    const markup = made()
    assert.include(tag(markup, 'name="a"'), "checked disabled")
    assert.include(tag(markup, 'name="b"'), " checked")
    assert.notInclude(tag(markup, 'name="c"'), " checked")
  })

  it("UI9 what was chosen is chosen still, and the focus is on a box that can be ticked", () => {
    const role: Field = { kind: "radios", name: "role", label: "Role", checked: "member", choices: [] }
    const choices = ["member", "owner"].map((value) => ({ value, label: value }))
    const markup = made({ fields: [{ ...role, choices }], values: { role: "owner" } })
    assert.include(tag(markup, 'value="owner"'), "checked")
    assert.notInclude(tag(markup, 'value="member"'), "checked")
    assert.include(tag(made({ errors: { scope: "Choose." } }), 'name="b"'), "autofocus")
  })

  it("two forms for one path keep their fields apart", () => {
    const ids = ["one", "two"].flatMap((id) => made({ id }).match(/ id="[^"]+"/g) ?? [])
    assert.isNotEmpty(ids)
    assert.strictEqual(new Set(ids).size, ids.length)
  })
})

describe("parts", () => {
  it("UI9 a table says its roles and the label of each cell, and an empty one what would fill it", () => {
    const options = { caption: "People", columns: ["Name", "Role", ""], empty: html`<p>Nobody</p>` }
    const { markup } = table({ ...options, rows: [["Ada", "owner", ""]] })
    assert.include(markup, "<caption>People</caption>")
    assert.include(markup, '<th role="rowheader" scope="row">Ada</th>')
    assert.include(markup, '<td role="cell" data-label="Role">owner</td>')
    assert.strictEqual(table({ ...options, rows: [] }).markup, "<p>Nobody</p>")
  })

  it("what cannot be taken back is folded up until it is asked for", () => {
    const { markup } = confirmation({
      summary: "Disable",
      explanation: "Her apps stop working.",
      action: "/admin/people/disable",
      csrfToken: "a-token",
      buttons: [{ label: "Disable Grace", look: "danger" }]
    })
    assert.match(markup, /^<details (?![^>]*\bopen\b)[^>]*>\n<summary>Disable<\/summary>/)
    assert.include(markup, '<input type="hidden" name="csrf_token" value="a-token">')
    assert.include(markup, '<button class="danger">Disable Grace</button>')
  })

  it("a copy button is hidden until the script shows it", () => {
    const { markup } = copyField({ id: "address", label: "Address", value: 'https://a.example/"' })
    assert.include(tag(markup, "data-copy"), "hidden")
    assert.include(tag(markup, 'id="address"'), 'readonly value="https://a.example/&quot;"')
  })
})
