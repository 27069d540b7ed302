/** A passkey is made or used by the script alone, so what a page says of it depends on the browser. */

import { type Field, form } from "./form.ts"
import { type Html, html } from "./html.ts"

export interface PasskeyFormOptions {
  readonly kind: "create" | "get"
  /** Where the options of the ceremony are asked for: POST, answered by the options as JSON. */
  readonly options: string
  /** Where the browser's response goes: POST of the fields and `response` as JSON, answered by `{ location }`. */
  readonly action: string
  readonly label: string
  readonly look?: "primary"
  readonly csrfToken?: string | undefined
  readonly hidden?: Readonly<Record<string, string>>
  readonly fields?: ReadonlyArray<Field | Html>
  /** Passkeys are offered too in the field of this page with `autocomplete="username webauthn"`. */
  readonly isOfferedInField?: boolean
}

/** For a page with `script: "passkeys"`. Refusals are JSON with an `error_description` for people. */
export const passkeyForm = ({ kind, options, label, look, isOfferedInField, ...rest }: PasskeyFormOptions) =>
  html`${form({
    ...rest,
    isHidden: true,
    data: { passkey: kind, options, ...(isOfferedInField ? { autofill: "" } : {}) },
    buttons: [{ label, ...(look && { look }) }]
  })}<p class="soft" hidden data-passkey-missing>This browser knows no passkeys. Use another way, or another browser.</p>
<noscript><p class="soft">Passkeys need JavaScript, which is off in this browser.</p></noscript>
`
