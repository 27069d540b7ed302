/** `/admin/clients`: the apps that this server knows, and the redirect URIs that it refused. */

import { Effect, Redacted } from "effect"
import { HttpRouter } from "effect/http"
import { type FormOptions, form as formOf } from "../../html/form.ts"
import { type Html, html } from "../../html/html.ts"
import { goTo, page } from "../../html/page.ts"
import {
  badge,
  confirmation,
  confirmations,
  copyField,
  emptyState,
  linkButton,
  notice,
  section,
  table
} from "../../html/parts.ts"
import { time } from "../../html/time.ts"
import { RefusedRedirects } from "../../oauth/authorize/RefusedRedirects.ts"
import * as Administration from "../../oauth/clients/administration.ts"
import { ClientRegistry } from "../../oauth/clients/ClientRegistry.ts"
import type { Client } from "../../oauth/clients/client.ts"
import { configure, refusals } from "../../oauth/clients/configured.ts"
import { cleanName } from "../../oauth/clients/metadata.ts"
import * as ClientSecret from "../../oauth/clients/secret.ts"
import type { Visit } from "../../people/browserSessions.sql.ts"
import { People } from "../../people/People.ts"
import { Refused } from "../errors.ts"
import { form, frameOf, route } from "../route.ts"
import { actorOf, csrfTokenOf, freshOwner, isFresh, loginPath, owner, sentBy } from "../visitor.ts"
import { sections } from "./sections.ts"

const PAGE = "/admin/clients"
const MOST = 200

interface Shown extends Pick<FormOptions, "values" | "errors"> {
  /** A secret that was just made, which is shown once. */
  readonly made?: { readonly clientId: string; readonly secret: Redacted.Redacted }
}

const ORIGINS = {
  configured: "set up here",
  dynamic: "registered itself",
  document: "described at its address"
} as const

const actions = (client: Client, csrfToken: string) => {
  const hidden = { client_id: client.clientId }
  const id = `client-${Buffer.from(client.clientId).toString("hex").slice(0, 24)}`
  return confirmations(
    client.secret !== undefined &&
      client.origin === "configured" &&
      confirmation({
        summary: "New secret",
        explanation: "The old one is worth nothing from then on. The new one is shown once.",
        action: `${PAGE}/secret`,
        id: `${id}-secret`,
        csrfToken,
        hidden,
        buttons: [{ label: "Make a new secret", look: "danger" }]
      }),
    client.disabled
      ? formOf({ action: `${PAGE}/enable`, id, csrfToken, hidden, buttons: [{ label: "Enable" }] })
      : confirmation({
          summary: "Disable",
          explanation: "Nobody can connect it, and whoever has is cut off with its next request, until you enable it.",
          action: `${PAGE}/disable`,
          id: `${id}-disable`,
          csrfToken,
          hidden,
          buttons: [{ label: "Disable", look: "danger" }]
        })
  )
}

const row = (client: Client, visit: Visit, csrfToken: string): ReadonlyArray<string | Html> => [
  html`${cleanName(client.name) || client.clientId} ${client.disabled && badge("disabled", "danger")}`,
  html`<code>${client.clientId}</code>`,
  ORIGINS[client.origin],
  html`${client.redirectUris.map((uri) => html`<code>${uri}</code><br>`)}`,
  html`<a href="/admin/apps?${new URLSearchParams({ client: client.clientId }).toString()}">Connections</a>${isFresh(visit) && actions(client, csrfToken)}`
]

const show = Effect.fnUntraced(function* (visit: Visit, { values, errors, made }: Shown = {}) {
  const clients = yield* (yield* ClientRegistry).list(MOST)
  const refused = yield* (yield* RefusedRedirects).recent
  const csrfToken = yield* csrfTokenOf(visit)
  return yield* page({
    status: errors === undefined ? 200 : 422,
    title: "Apps",
    wide: true,
    script: "local",
    signedIn: yield* frameOf(visit, "admin"),
    body: html`${sections("clients")}${
      made &&
      section(
        `Secret of ${made.clientId}`,
        html`${notice("success", "Copy it now: it is not shown again.")}${copyField({ label: "client_secret", value: Redacted.value(made.secret), id: "made" })}`
      )
    }${section(
      "Apps that this server knows",
      table({
        caption: "Apps",
        columns: ["Name", "client_id", "How", "Redirect URIs", ""],
        rows: clients.map((client) => row(client, visit, csrfToken)),
        empty: emptyState("None", "Apps make themselves known when they are connected.")
      })
    )}${section(
      "Refused redirect URIs",
      table({
        caption: "Redirect URIs that were refused since this process started",
        columns: ["When", "client_id", "Redirect URI, as it was sent"],
        rows: refused.map(({ at, clientId, redirectUri }) => [
          html`${time(at, "exact")}`,
          clientId,
          html`<code>${redirectUri}</code>`
        ]),
        empty: html`<p class="soft">None since this process started.</p>`
      }),
      { lead: "An app that cannot be connected often asks for an address that is not registered for it." }
    )}${section(
      "Add an app",
      isFresh(visit)
        ? formOf({
            action: `${PAGE}/add`,
            csrfToken,
            fields: [
              { kind: "text", name: "client_id", label: "client_id", autocomplete: "off", maxLength: 128 },
              {
                kind: "text",
                name: "client_name",
                label: "Name",
                autocomplete: "off",
                isOptional: true,
                maxLength: 100
              },
              {
                kind: "text",
                name: "redirect_uris",
                label: "Redirect URIs",
                autocomplete: "off",
                hint: "Several with a blank between them."
              },
              {
                kind: "checkboxes",
                name: "kind",
                label: "How it proves who it is",
                choices: [{ value: "confidential", label: "With a secret, which is made for it and shown once" }],
                checked: values?.confidential === undefined ? [] : ["confidential"]
              }
            ],
            ...(values === undefined ? {} : { values }),
            ...(errors === undefined ? {} : { errors }),
            buttons: [{ label: "Add", look: "primary" }]
          })
        : html`<p class="actions">${linkButton(loginPath(PAGE, { again: true }), "Confirm that it is you, to add one")}</p>`,
      { lead: "Only for those that cannot make themselves known." }
    )}`
  })
})

const changing = Effect.gen(function* () {
  const visit = yield* freshOwner
  const sent = yield* form
  yield* sentBy(visit, sent)
  const actor = yield* actorOf(visit)
  const people = yield* People
  const record = (clientId: string, what: string) =>
    people.record({ event: "client_changed", actorId: actor.id, address: actor.address, clientId, detail: { what } })
  return { visit, sent, record, clientId: sent.get("client_id") ?? "" }
})

const unfit = ({ why }: Administration.ClientUnfit) => Effect.fail(new Refused({ explanation: `${why}.` }))

const add = Effect.gen(function* () {
  const { visit, sent, record, clientId } = yield* changing
  const redirectUris = (sent.get("redirect_uris") ?? "").split(/\s+/).filter((uri) => uri !== "")
  const values = Object.fromEntries(sent)
  if (!/^[\x21-\x7e]{1,128}$/.test(clientId)) {
    return yield* show(visit, { values, errors: { client_id: "A client_id has 1 to 128 printable characters." } })
  }
  if ((yield* (yield* ClientRegistry).find(clientId)) !== undefined) {
    return yield* show(visit, { values, errors: { client_id: "There is such an app already." } })
  }
  const [problem] = yield* refusals(redirectUris)
  if (problem !== undefined || redirectUris.length === 0) {
    const why = problem === undefined ? "At least one is needed." : `${problem.uri} ${problem.reason}.`
    return yield* show(visit, { values, errors: { redirect_uris: why } })
  }
  const secret = sent.has("confidential") ? ClientSecret.generate() : undefined
  yield* configure({ id: clientId, name: sent.get("client_name") ?? clientId, secret, redirectUris })
  yield* record(clientId, "added")
  return secret === undefined ? goTo(PAGE) : yield* show(visit, { made: { clientId, secret } })
})

const renewSecret = Effect.gen(function* () {
  const { visit, record, clientId } = yield* changing
  const secret = yield* Effect.catchTag(Administration.renewSecret(clientId), "ClientUnfit", unfit)
  yield* record(clientId, "new secret")
  return yield* show(visit, { made: { clientId, secret } })
})

const turn = (isDisabled: boolean) =>
  Effect.gen(function* () {
    const { record, clientId } = yield* changing
    yield* Effect.catchTag(Administration.setDisabled(clientId, isDisabled), "ClientUnfit", unfit)
    yield* record(clientId, isDisabled ? "disabled" : "enabled")
    return goTo(PAGE)
  })

export const AdminClientsRoutes = HttpRouter.use(
  Effect.fn("AdminClientsRoutes")(function* (router) {
    yield* route(router, PAGE, { GET: Effect.flatMap(owner, (visit) => show(visit)) })
    yield* route(router, `${PAGE}/add`, { POST: add, page: PAGE })
    yield* route(router, `${PAGE}/secret`, { POST: renewSecret, page: PAGE })
    yield* route(router, `${PAGE}/disable`, { POST: turn(true), page: PAGE })
    yield* route(router, `${PAGE}/enable`, { POST: turn(false), page: PAGE })
  })
)
