// @ts-check
/**
 * The one script of all pages. Everything but passkeys and copy buttons works without it. What it takes hold of:
 *
 * - `button[hidden][data-copy="ID"]`: shown, and copies the value of the field ID.
 * - `time[data-time="recent|exact"]`: told in the reader's zone; recent ones in words.
 * - `input[data-code-from-address]`: filled with the address's fragment, which leaves the address bar and the history.
 * - `form[data-passkey="create|get"][data-options="PATH"]` (see `passkey.ts`): asks PATH for options with the form's fields as JSON, lets the
 *   browser make or use a passkey, posts the fields and `response` to the form's action as JSON, and goes to the
 *   `location` of the answer. With `data-autofill` it also offers passkeys in the field with `autocomplete="… webauthn"`.
 *   The form is `hidden` until the script shows it.
 * - `[data-passkey-missing]`: shown where the browser knows no passkeys.
 */

/** @template {Element} E @param {string} selector @param {new () => E} kind @returns {Array<E>} */
const all = (selector, kind) =>
  [...document.querySelectorAll(selector)].flatMap((element) => (element instanceof kind ? [element] : []))

for (const button of all("button[data-copy]", HTMLButtonElement)) {
  // Elsewhere there is no clipboard to write to.
  if (!isSecureContext) continue
  button.hidden = false
  const label = button.textContent
  button.addEventListener("click", async () => {
    const field = document.getElementById(button.dataset.copy ?? "")
    if (!(field instanceof HTMLInputElement)) return
    field.select()
    await navigator.clipboard.writeText(field.value)
    button.textContent = "Copied"
    setTimeout(() => {
      button.textContent = label
    }, 2000)
  })
  // The new word is read out.
  button.setAttribute("aria-live", "polite")
}

/** Seconds in each unit, and how many of a unit are words still. @type {ReadonlyArray<[Intl.RelativeTimeFormatUnit, number, number]>} */
const UNITS = [
  ["minute", 60, 60],
  ["hour", 3600, 24],
  ["day", 86_400, 7]
]
const words = new Intl.RelativeTimeFormat("en", { numeric: "auto" })
const inFull = new Intl.DateTimeFormat("en-GB", { dateStyle: "medium", timeStyle: "short" })
const toTheSecond = new Intl.DateTimeFormat("en-GB", { dateStyle: "medium", timeStyle: "medium" })

/** @param {Date} at */
const recently = (at) => {
  const seconds = (at.getTime() - Date.now()) / 1000
  if (Math.abs(seconds) < 60) return seconds > 0 ? "in a moment" : "just now"
  const unit = UNITS.find(([, size, most]) => Math.abs(seconds) < size * most)
  return unit === undefined ? inFull.format(at) : words.format(Math.trunc(seconds / unit[1]), unit[0])
}

for (const element of all("time[data-time]", HTMLTimeElement)) {
  const at = new Date(element.dateTime)
  element.title = `${toTheSecond.format(at)} (${element.textContent})`
  element.textContent = element.dataset.time === "exact" ? toTheSecond.format(at) : recently(at)
}

for (const field of all("input[data-code-from-address]", HTMLInputElement)) {
  if (location.hash.length < 2) continue
  field.value = location.hash.slice(1)
  history.replaceState(null, "", location.pathname + location.search)
}

/** The bundle of @simplewebauthn/browser puts itself there. @type {typeof import("@simplewebauthn/browser") | undefined} */
const webauthn = Reflect.get(globalThis, "SimpleWebAuthnBrowser")

/** @param {string} path @param {unknown} body */
const post = async (path, body) => {
  const response = await fetch(path, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify(body)
  })
  const answer = await response.json().catch(() => ({}))
  if (!response.ok) throw new Error(answer.error_description ?? "The server could not answer. Try again in a moment.")
  return answer
}

/** @param {HTMLFormElement} form @param {NonNullable<typeof webauthn>} browser @param {boolean} isAutofill */
const usePasskey = async (form, browser, isAutofill) => {
  const fields = Object.fromEntries(new FormData(form))
  const optionsJSON = await post(form.dataset.options ?? "", fields)
  const response =
    form.dataset.passkey === "create"
      ? await browser.startRegistration({ optionsJSON })
      : await browser.startAuthentication({ optionsJSON, useBrowserAutofill: isAutofill })
  const answer = await post(form.getAttribute("action") ?? "", { ...fields, response })
  location.assign(answer.location)
}

/** Errors of the browser are for programmers; these are for people. @type {Readonly<Record<string, string>>} */
const PLAIN_WORDS = {
  NotAllowedError: "No passkey was used. If you did not cancel, this device may not have one for this address.",
  InvalidStateError: "This device has a passkey for you already.",
  SecurityError: "Passkeys do not work at this address."
}

for (const form of all("form[data-passkey]", HTMLFormElement)) {
  if (webauthn?.browserSupportsWebAuthn() !== true) continue
  form.hidden = false
  const status = document.createElement("p")
  status.className = "error"
  status.setAttribute("role", "alert")
  form.append(status)
  /** @param {unknown} error */
  const tell = (error) => {
    const { name, message } = error instanceof Error ? error : new Error(String(error))
    // A newer ceremony took the place of this one.
    if (name !== "AbortError") status.textContent = PLAIN_WORDS[name] ?? message
  }
  form.addEventListener("submit", (event) => {
    event.preventDefault()
    status.textContent = ""
    usePasskey(form, webauthn, false).catch(tell)
  })
  if (form.dataset.autofill !== undefined && (await webauthn.browserSupportsWebAuthnAutofill())) {
    usePasskey(form, webauthn, true).catch(tell)
  }
}

if (webauthn?.browserSupportsWebAuthn() !== true) {
  for (const element of all("[data-passkey-missing]", HTMLElement)) element.hidden = false
}
