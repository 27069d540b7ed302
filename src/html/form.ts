/** The one form: every field with its label, what was typed shown again, and each complaint beside what it is about. */

import { Html, html } from "./html.ts"

interface Named {
  readonly name: string
  readonly label: string
  /** Below the label, read out with the field. */
  readonly hint?: string | Html
}

/** A line to type in. Of `password` and `code` what was typed is never shown again. */
export interface InputField extends Named {
  readonly kind: "text" | "email" | "password" | "code"
  /** What the browser may fill in (HTML "Autofill"), as `username webauthn` or `new-password`. */
  readonly autocomplete: string
  readonly isOptional?: boolean
  /** Shown, and not to be changed. */
  readonly isFixed?: boolean
  readonly minLength?: number
  readonly maxLength?: number
  /** Of `code`: the script takes it from the address's fragment. */
  readonly isFromAddress?: boolean
}

export interface Choice {
  readonly value: string
  readonly label: string | Html
  readonly hint?: string | Html
  /** A box that cannot be unticked, and which is not posted: what it stands for is given anyway. */
  readonly isFixed?: boolean
}

/** Boxes to tick, each posted under its own value as the name: "on". */
export interface CheckboxField extends Named {
  readonly kind: "checkboxes"
  readonly choices: ReadonlyArray<Choice>
  readonly checked: ReadonlyArray<string>
}

/** One of several. */
export interface RadioField extends Named {
  readonly kind: "radios"
  readonly choices: ReadonlyArray<Choice>
  readonly checked: string
}

export type Field = InputField | CheckboxField | RadioField

export interface Button {
  readonly label: string
  /** What is posted with it, if anything. */
  readonly name?: string
  readonly value?: string
  readonly look?: "primary" | "danger" | "quiet"
}

export interface FormOptions {
  /** A path of ours. Every form is a POST. */
  readonly action: string
  /** Of signed-in people: bound to their browser session. */
  readonly csrfToken?: string | undefined
  readonly hidden?: Readonly<Record<string, string>>
  /** Fields, and what stands between them. */
  readonly fields?: ReadonlyArray<Field | Html>
  readonly buttons: ReadonlyArray<Button>
  /** What was typed or chosen before, by name; what was ticked is said by the field. */
  readonly values?: Readonly<Record<string, string | undefined>>
  /** What is wrong, by the name of the field. The first one has the focus. */
  readonly errors?: Readonly<Record<string, string | undefined>>
  /** What is wrong with all of it. */
  readonly problem?: string | undefined
  /** Keeps the ids of fields apart where one page has two forms for the same path. */
  readonly id?: string
  /** Hooks for the script, as `passkey` for `data-passkey`: see `script.js`. */
  readonly data?: Readonly<Record<string, string>>
  /** Until the script shows it. */
  readonly isHidden?: boolean
}

interface Shown {
  readonly id: string
  readonly value: string | undefined
  readonly error: string | undefined
  readonly hasFocus: boolean
}

const attribute = (name: string, value: string | number | undefined) =>
  value === undefined ? undefined : html` ${name}="${value}"`

const flag = (name: string, isSet: boolean | undefined) => isSet === true && new Html(` ${name}`)

const describedBy = (field: Field, { id, error }: Shown) => {
  const ids = [field.hint !== undefined && `${id}-hint`, error !== undefined && `${id}-error`].filter(Boolean)
  return ids.length > 0 && html` aria-describedby="${ids.join(" ")}"`
}

const hintOf = (field: Field, { id }: Shown) =>
  field.hint !== undefined && html`<p class="hint" id="${id}-hint">${field.hint}</p>\n`

const errorOf = ({ id, error }: Shown) => error !== undefined && html`<p class="error" id="${id}-error">${error}</p>\n`

/** Codes are read from a screen and typed: no keyboard may correct them. */
const CODE = html` class="code" autocapitalize="off" autocorrect="off" spellcheck="false"`

const input = (field: InputField, shown: Shown) => {
  const { name, label, kind, autocomplete, isOptional, isFixed, minLength, maxLength, isFromAddress } = field
  const isSecret = kind === "password" || kind === "code"
  return html`<div class="field">
<label for="${shown.id}">${label}${isOptional && html` <span class="soft">(optional)</span>`}</label>
${hintOf(field, shown)}<input id="${shown.id}" name="${name}" type="${kind === "code" ? "text" : kind}" autocomplete="${autocomplete}"${[
    kind === "code" && CODE,
    kind === "email" && html` inputmode="email" autocapitalize="off" spellcheck="false"`,
    attribute("value", isSecret ? undefined : shown.value),
    attribute("minlength", minLength),
    attribute("maxlength", maxLength),
    flag("required", isOptional !== true),
    flag("readonly", isFixed),
    flag("data-code-from-address", isFromAddress),
    flag('aria-invalid="true"', shown.error !== undefined),
    describedBy(field, shown),
    flag("autofocus", shown.hasFocus)
  ]}>
${errorOf(shown)}</div>
`
}

const choices = (field: CheckboxField | RadioField, shown: Shown) => {
  const isRadio = field.kind === "radios"
  const checked = isRadio ? [shown.value ?? field.checked] : field.checked
  const first = field.choices.find(({ isFixed }) => isFixed !== true)
  return html`<fieldset class="field"${describedBy(field, shown)}>
<legend>${field.label}</legend>
${hintOf(field, shown)}${field.choices.map((choice, index) => {
  const id = `${shown.id}-${index}`
  const isChecked = choice.isFixed === true || checked.includes(choice.value)
  return html`<div class="choice">
<input id="${id}" type="${isRadio ? "radio" : "checkbox"}" name="${isRadio ? field.name : choice.value}"${[
    isRadio && attribute("value", choice.value),
    flag("checked", isChecked),
    flag("disabled", choice.isFixed),
    choice.hint !== undefined && html` aria-describedby="${id}-hint"`,
    flag("autofocus", shown.hasFocus && choice === first)
  ]}>
<label for="${id}">${choice.label}</label>
${choice.hint !== undefined && html`<p class="hint" id="${id}-hint">${choice.hint}</p>\n`}</div>
`
})}${errorOf(shown)}</fieldset>
`
}

export const hiddenField = (name: string, value: string) =>
  html`<input type="hidden" name="${name}" value="${value}">\n`

export const button = ({ label, name, value, look }: Button) =>
  html`<button${[attribute("class", look), attribute("name", name), attribute("value", value)]}>${label}</button>\n`

export const form = (options: FormOptions): Html => {
  const { action, csrfToken, hidden = {}, fields = [], values = {}, errors = {}, problem, data = {} } = options
  const prefix = options.id ?? action.replace(/\W+/g, "-").replace(/^-/, "")
  const firstWrong = fields.find((field) => !(field instanceof Html) && errors[field.name] !== undefined)
  return html`<form method="post" action="${action}"${Object.entries(data).map(([name, value]) => attribute(`data-${name}`, value))}${flag("hidden", options.isHidden)}>
${problem !== undefined && html`<div class="notice danger" role="alert"><p>${problem}</p></div>\n`}${
  csrfToken !== undefined && hiddenField("csrf_token", csrfToken)
}${Object.entries(hidden).map(([name, value]) => hiddenField(name, value))}${fields.map((field) => {
  if (field instanceof Html) return field
  const shown: Shown = {
    id: `${prefix}-${field.name}`,
    value: values[field.name],
    error: errors[field.name],
    hasFocus: field === firstWrong
  }
  return field.kind === "checkboxes" || field.kind === "radios" ? choices(field, shown) : input(field, shown)
})}<div class="actions">
${options.buttons.map(button)}</div>
</form>
`
}
