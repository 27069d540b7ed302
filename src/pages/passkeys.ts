/** What the script of a page calls to make or use a passkey, and the forms that name and remove them. */

import { Effect, Option, Schema } from "effect"
import { HttpRouter, HttpServerRequest, HttpServerResponse } from "effect/http"
import { type Html, html } from "../html/html.ts"
import { goTo } from "../html/page.ts"
import { badge, confirmation, confirmations, linkButton, notice, section, table } from "../html/parts.ts"
import { passkeyForm } from "../html/passkey.ts"
import { time } from "../html/time.ts"
import { InvalidRequest } from "../oauth/errors.ts"
import type { Parameters } from "../oauth/parameters.ts"
import type { Visit } from "../people/browserSessions.sql.ts"
import { Passkeys } from "../people/passkeys/Passkeys.ts"
import type { Passkey } from "../people/passkeys/passkeys.sql.ts"
import { Name } from "../people/person.ts"
import { mediaType, readText } from "../web/body.ts"
import { callerAddress } from "../web/clientAddress.ts"
import * as StrictJson from "../web/json.ts"
import { NO_STORE } from "../web/respond.ts"
import { Refused } from "./errors.ts"
import { form, route, scriptRoute, storable } from "./route.ts"
import { signIn, signInFailed } from "./signIn.ts"
import { describeBrowser } from "./userAgent.ts"
import { actorOf, browser, fresh, isFresh, loginPath, returnTo, sentBy, sentByUs } from "./visitor.ts"

const MAX_BYTES = 64 * 1024
const Fields = Schema.Record(Schema.String, Schema.Unknown)

/** What the script posts: the fields of its form, and the browser's response. JSON, so that no form of elsewhere can. */
export const readScript = Effect.gen(function* () {
  yield* sentByUs
  const request = yield* HttpServerRequest.HttpServerRequest
  if (mediaType(request) !== "application/json")
    return yield* new InvalidRequest({ description: "the body is not JSON" })
  const text = yield* Effect.catchTag(readText(request, MAX_BYTES), "body_unreadable", ({ description }) =>
    Effect.fail(new InvalidRequest({ description }))
  )
  const body = Option.flatMap(StrictJson.parse(text), Schema.decodeUnknownOption(Fields))
  if (Option.isNone(body)) return yield* new InvalidRequest({ description: "the body is not a JSON object" })
  const { response, ...others } = body.value
  const fields: Parameters = new Map(
    Object.entries(others).flatMap(([name, value]) =>
      typeof value === "string" && value !== "" ? [[name, value]] : []
    )
  )
  return { fields: yield* storable(fields), response }
})

export const scriptAnswer = (body: unknown) => HttpServerResponse.jsonUnsafe(body, { headers: NO_STORE })

/** What a passkey is called until its person says otherwise: what made it. */
export const firstName = Effect.map(browser, ({ userAgent }) => describeBrowser(userAgent))

// --- Signing in ---------------------------------------------------------------------------------------------------

const useOptions = Effect.gen(function* () {
  yield* readScript
  return scriptAnswer(yield* (yield* Passkeys).askToUse)
})

const use = Effect.gen(function* () {
  const { fields, response } = yield* readScript
  const passkeys = yield* Passkeys
  const personId = yield* passkeys
    .used(response, yield* callerAddress)
    .pipe(Effect.tapErrorTag("PasskeyRefused", () => signInFailed("passkey")))
  return yield* signIn(personId, "passkey", scriptAnswer({ location: returnTo(fields.get("return_to")) }))
})

// --- Those of one's own -------------------------------------------------------------------------------------------

const PAGE = "/account"
const bindingOf = ({ session }: Visit) => `browser ${session.id}`

const makeOptions = Effect.gen(function* () {
  const visit = yield* fresh
  const { fields } = yield* readScript
  yield* sentBy(visit, fields)
  const passkeys = yield* Passkeys
  const existing = yield* passkeys.list(visit.person.id)
  return scriptAnswer(yield* passkeys.askToMake({ ...visit.person, existing }, bindingOf(visit)))
})

const make = Effect.gen(function* () {
  const visit = yield* fresh
  const { fields, response } = yield* readScript
  yield* sentBy(visit, fields)
  const passkeys = yield* Passkeys
  const { passkey } = yield* passkeys.made(response, bindingOf(visit), yield* firstName)
  yield* passkeys.add(visit.person.id, passkey, yield* actorOf(visit))
  return scriptAnswer({ location: PAGE })
})

const rename = Effect.gen(function* () {
  const visit = yield* fresh
  const sent = yield* form
  yield* sentBy(visit, sent)
  const name = Schema.decodeOption(Name)(sent.get("name") ?? "")
  if (Option.isNone(name))
    return yield* new Refused({ explanation: "A name has 1 to 100 characters, all of which can be seen." })
  yield* (yield* Passkeys).rename(visit.person.id, sent.get("id") ?? "", name.value)
  return goTo(PAGE)
})

const remove = Effect.gen(function* () {
  const visit = yield* fresh
  const sent = yield* form
  yield* sentBy(visit, sent)
  if (!(yield* (yield* Passkeys).remove(visit.person.id, sent.get("id") ?? "", yield* actorOf(visit)))) {
    return yield* new Refused({
      explanation: "This is your last way in. Add another passkey, or a password, before you remove it."
    })
  }
  return goTo(PAGE)
})

const row = (
  passkey: Passkey,
  here: string | undefined,
  visit: Visit,
  csrfToken: string
): ReadonlyArray<string | Html> => {
  const hidden = { id: passkey.id }
  return [
    html`${passkey.name} ${passkey.rpId !== here && badge(`works at ${passkey.rpId} only`, "warning")}`,
    html`${time(passkey.createdAt)}`,
    passkey.lastUsedAt === undefined ? "never" : html`${time(passkey.lastUsedAt)}`,
    passkey.isSynced ? "Synced" : "On one device",
    isFresh(visit)
      ? confirmations(
          confirmation({
            summary: "Rename",
            explanation: "What you know it by.",
            action: "/account/passkeys/rename",
            id: `rename-${passkey.id.slice(0, 12)}`,
            csrfToken,
            hidden,
            fields: [{ kind: "text", name: "name", label: "Name", autocomplete: "off", maxLength: 100 }],
            values: { name: passkey.name },
            buttons: [{ label: "Rename" }]
          }),
          confirmation({
            summary: "Remove",
            explanation: "You cannot sign in with it any more. Your device keeps its part until you delete it there.",
            action: "/account/passkeys/remove",
            id: `remove-${passkey.id.slice(0, 12)}`,
            csrfToken,
            hidden,
            buttons: [{ label: "Remove", look: "danger" }]
          })
        )
      : ""
  ]
}

/** The part of the account page that is about passkeys. */
export const passkeysSection = Effect.fnUntraced(function* (visit: Visit, csrfToken: string) {
  const passkeys = yield* Passkeys
  const all = yield* passkeys.list(visit.person.id)
  return section(
    "Passkeys",
    html`${table({
      caption: "Your passkeys",
      columns: ["Name", "Made", "Last used", "Kept", ""],
      rows: all.map((passkey) => row(passkey, passkeys.rpId, visit, csrfToken)),
      empty: html`<p class="soft">You have none yet.</p>`
    })}${
      passkeys.rpId === undefined
        ? notice("info", "This server is known by an IP address, where browsers make no passkeys.")
        : isFresh(visit)
          ? passkeyForm({
              kind: "create",
              options: "/account/passkeys/options",
              action: "/account/passkeys",
              label: "Add a passkey",
              csrfToken
            })
          : html`<p class="actions">${linkButton(loginPath(PAGE, { again: true }), "Confirm that it is you, to change them")}</p>`
    }`,
    { lead: "A passkey signs you in with your fingerprint, face or screen lock. Nobody can phish it." }
  )
})

export const PasskeyRoutes = HttpRouter.use(
  Effect.fn("PasskeyRoutes")(function* (router) {
    yield* scriptRoute(router, "/login/passkey/options", useOptions)
    yield* scriptRoute(router, "/login/passkey", use)
    yield* scriptRoute(router, "/account/passkeys/options", makeOptions)
    yield* scriptRoute(router, "/account/passkeys", make)
    yield* route(router, "/account/passkeys/rename", { POST: rename, page: PAGE })
    yield* route(router, "/account/passkeys/remove", { POST: remove, page: PAGE })
  })
)
