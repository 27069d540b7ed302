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
 * - `[hidden][data-check="CLIENT"]` (see `pages/check.ts`): shown; its button sends the browser to ask for consent, and on the way
 *   back each `[data-step]` is marked as it passes, or its `[data-advice]` for what went wrong is shown.
 * - `[data-check-missing]`: hidden, since the script is there.
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

// --- The connection test ------------------------------------------------------------------------------------------

const CHECK = "gatehouse-check"

/** Why a step of the test did not pass; `fault` chooses what the page advises. */
class Stopped extends Error {
  /** @param {string} message @param {string} fault */
  constructor(message, fault) {
    super(message)
    this.fault = fault
  }
}

/** @param {Uint8Array} bytes */
const base64url = (bytes) =>
  btoa(String.fromCharCode(...bytes))
    .replaceAll("+", "-")
    .replaceAll("/", "_")
    .replaceAll("=", "")
const random = () => base64url(crypto.getRandomValues(new Uint8Array(32)))

/** What an app sends, which has no cookies. @param {string} path @param {RequestInit} init */
const send = async (path, init) => {
  const signal = AbortSignal.timeout(30_000)
  const response = await fetch(path, { method: "POST", credentials: "omit", redirect: "error", signal, ...init })
  const answer = await response.json().catch(() => ({}))
  const said = answer.error_description ?? answer.error?.message
  if (response.ok && said === undefined) return answer
  throw new Stopped(`${path} answered ${response.status}${said ? `: ${said}` : ""}.`, String(response.status))
}

/** @param {string} name @param {() => unknown} run what it returns is told beside the step */
const step = async (name, run) => {
  const [item] = all(`[data-step="${name}"]`, HTMLElement)
  const [state, detail] = [item?.querySelector("[data-state]"), item?.querySelector("[data-detail]")]
  if (!(state instanceof HTMLElement) || !(detail instanceof HTMLElement)) return
  try {
    detail.textContent = String((await run()) ?? "")
    state.className = "badge success"
    state.textContent = "passed"
  } catch (error) {
    const { message, fault } = error instanceof Stopped ? error : new Stopped(String(error), "")
    state.className = "badge danger"
    state.textContent = "failed"
    detail.textContent = message
    const advice =
      item?.querySelector(`[data-advice="${CSS.escape(fault)}"]`) ?? item?.querySelector('[data-advice=""]')
    if (advice instanceof HTMLElement) advice.hidden = false
    throw error
  } finally {
    state.hidden = false
  }
}

/** Sends the browser to be asked. @param {DOMStringMap} test */
const leave = async ({ check: client_id = "", issuer, resource = "", scope = "" }) => {
  const kept = { verifier: random(), state: random() }
  sessionStorage.setItem(CHECK, JSON.stringify(kept))
  const digest = await crypto.subtle.digest("SHA-256", new TextEncoder().encode(kept.verifier))
  const query = new URLSearchParams({
    ...{ response_type: "code", client_id, redirect_uri: `${issuer}/check`, resource, scope, state: kept.state },
    ...{ code_challenge: base64url(new Uint8Array(digest)), code_challenge_method: "S256" }
  })
  location.assign(`/authorize?${query}`)
}

/** Goes on from the answer. @param {HTMLElement} element @param {URLSearchParams} answer */
const goOn = async (element, answer) => {
  const { check: client_id = "", issuer, resource = "" } = element.dataset
  const kept = JSON.parse(sessionStorage.getItem(CHECK) ?? "{}")
  sessionStorage.removeItem(CHECK)
  /** @type {{ access_token: string, refresh_token: string } | undefined} */
  let tokens
  let version = "2025-11-25"
  /** @param {string} method @param {unknown} params */
  const rpc = async (method, params) => {
    const headers = {
      authorization: `Bearer ${tokens?.access_token}`,
      "content-type": "application/json",
      accept: "application/json",
      ...(method === "initialize" ? {} : { "mcp-protocol-version": version })
    }
    const { result } = await send("/mcp", {
      headers,
      body: JSON.stringify({ jsonrpc: "2.0", id: method, method, params })
    })
    return result
  }

  await step("authorize", () => {
    const isOurs = kept.state !== undefined && answer.get("state") === kept.state && answer.get("iss") === issuer
    if (!isOurs) throw new Stopped("", "foreign")
    const error = answer.get("error")
    if (error !== null) throw new Stopped(answer.get("error_description") ?? error, error)
  })
  await step("token", async () => {
    const grant = { grant_type: "authorization_code", code: answer.get("code") ?? "", code_verifier: kept.verifier }
    const body = new URLSearchParams({ ...grant, client_id, redirect_uri: `${issuer}/check`, resource })
    tokens = await send("/token", { body })
  })
  try {
    await step("initialize", async () => {
      const client = { capabilities: {}, clientInfo: { name: CHECK, version: "1" } }
      const { serverInfo, protocolVersion } = await rpc("initialize", { protocolVersion: version, ...client })
      version = protocolVersion
      return `${serverInfo.title} ${serverInfo.version}`
    })
    await step("list", async () => `${(await rpc("tools/list", {})).tools.length} tools`)
    await step("call", async () => {
      const call = { name: "calculator", arguments: { expression: "0.1 + 0.2" } }
      const { structuredContent, content } = await rpc("tools/call", call)
      if (structuredContent?.result !== "0.3") throw new Stopped(`The calculator said: ${content[0]?.text}`, "")
      return "0.1 + 0.2 = 0.3"
    })
  } finally {
    await step("revoke", async () => {
      await send("/revoke", { body: new URLSearchParams({ token: tokens?.refresh_token ?? "", client_id }) })
    })
  }
  for (const done of all("[data-done]", HTMLElement)) done.hidden = false
}

for (const missing of all("[data-check-missing]", HTMLElement)) missing.hidden = true
for (const check of all("[data-check]", HTMLElement)) {
  check.hidden = false
  const button = check.querySelector("button")
  button?.addEventListener("click", () => void leave(check.dataset))
  const answer = new URLSearchParams(location.search)
  if (!answer.has("state")) continue
  history.replaceState(null, "", location.pathname)
  if (button) button.textContent = "Test again"
  // Its steps have told what went wrong.
  await goOn(check, answer).catch(() => undefined)
}
