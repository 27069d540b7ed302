/** `/admin/servers`: the servers behind this one. Addresses can be added here; commands stand in gatehouse.json and nowhere else. */

import { Effect } from "effect"
import { HttpRouter } from "effect/http"
import { Catalogue } from "../../gateway/catalogue/Catalogue.ts"
import { DECISIONS, type Decided } from "../../gateway/catalogue/CatalogueStore.ts"
import { isWaiting, KINDS, waitingDigest } from "../../gateway/catalogue/definition.ts"
import { MountStatus } from "../../gateway/catalogue/MountStatus.ts"
import { type FormOptions, form as formOf } from "../../html/form.ts"
import { html } from "../../html/html.ts"
import { goTo, page } from "../../html/page.ts"
import { emptyState, linkButton, notice, section } from "../../html/parts.ts"
import type { Visit } from "../../people/browserSessions.sql.ts"
import { People } from "../../people/People.ts"
import { Refused } from "../errors.ts"
import { form, frameOf, route } from "../route.ts"
import { actorOf, csrfTokenOf, freshOwner, isFresh, loginPath, owner, sentBy } from "../visitor.ts"
import { sections } from "./sections.ts"
import { PAGE, serverSection } from "./serverParts.ts"

interface Shown extends Pick<FormOptions, "values" | "errors"> {
  /** What became of a server that was just asked. */
  readonly told?: string
}

const AUTH = [
  { value: "none", label: "Nobody: it is open" },
  { value: "oauth", label: "Each person signs in there" }
] as const

const show = Effect.fnUntraced(function* (visit: Visit, { values, errors, told }: Shown = {}) {
  const status = yield* MountStatus
  const { entries } = (yield* Catalogue).current()
  const sessions = yield* status.sessions
  const names = new Map((yield* (yield* People).list).map(({ id, name }) => [id, name]))
  const csrfToken = yield* csrfTokenOf(visit)
  const mayChange = isFresh(visit)
  const views = yield* Effect.forEach(status.mounts(), (mount) =>
    Effect.map(status.stderr(mount.name), (stderr) => ({
      mount,
      entries: entries.get(mount.name) ?? [],
      sessions: sessions.filter((session) => session.mount === mount.name),
      names,
      stderr,
      csrfToken,
      mayChange
    }))
  )
  return yield* page({
    status: errors === undefined ? 200 : 422,
    title: "Servers",
    wide: true,
    signedIn: yield* frameOf(visit, "admin"),
    body: html`${sections("servers")}${told !== undefined && notice("warning", told)}${
      !mayChange &&
      html`<p class="actions">${linkButton(loginPath(PAGE, { again: true }), "Confirm that it is you, to change something")}</p>`
    }${views.map(serverSection)}${
      views.length === 0 &&
      section(
        "Servers",
        emptyState("None", "MCP servers behind this one stand in gatehouse.json, or are added here by their address.")
      )
    }${
      mayChange &&
      section(
        "Add a server",
        formOf({
          action: `${PAGE}/add`,
          csrfToken,
          fields: [
            {
              kind: "text",
              name: "name",
              label: "Name",
              hint: "At most 16 letters, digits, _ and -: what its tools' names begin with.",
              autocomplete: "off",
              maxLength: 16
            },
            { kind: "text", name: "title", label: "Title", autocomplete: "off", isOptional: true, maxLength: 80 },
            {
              kind: "text",
              name: "url",
              label: "Address",
              hint: "https, and on the public web. What is in a private network, needs a key, or is a program stands in gatehouse.json.",
              autocomplete: "off",
              maxLength: 2048
            },
            {
              kind: "radios",
              name: "auth",
              label: "Who may use it there",
              choices: AUTH,
              checked: values?.auth ?? "none"
            }
          ],
          ...(values === undefined ? {} : { values }),
          ...(errors === undefined ? {} : { errors }),
          buttons: [{ label: "Add", look: "primary" }]
        }),
        { lead: "All that it offers waits until you have approved it." }
      )
    }`
  })
})

const changing = Effect.gen(function* () {
  const visit = yield* freshOwner
  const sent = yield* form
  yield* sentBy(visit, sent)
  const actor = yield* actorOf(visit)
  const people = yield* People
  const status = yield* MountStatus
  const server = sent.get("server") ?? ""
  const record = (what: string, detail: object = {}) =>
    people.record({
      event: "servers_changed",
      actorId: actor.id,
      address: actor.address,
      detail: { server: server || (sent.get("name") ?? ""), what, ...detail }
    })
  const mount = status.mounts().find(({ name }) => name === server)
  return { visit, sent, record, server, mount, by: actor.id ?? "an owner", status, catalogue: yield* Catalogue }
})

const unknown = new Refused({ explanation: "There is no such server any more." })
const overtaken = new Refused({ explanation: "It says something else by now. Look at it again, and decide then." })

const back = (server: string) => goTo(`${PAGE}#server-${server}`)

const decide = Effect.gen(function* () {
  const { sent, record, server, by, catalogue } = yield* changing
  const kind = KINDS.find((one) => one === sent.get("kind"))
  const what = DECISIONS.find((one) => one === sent.get("what"))
  const name = sent.get("name")
  if (kind === undefined || what === undefined || name === undefined) return yield* unknown
  const digest = sent.get("digest")
  // What is given to apps has to be what was looked at.
  if (what === "approve" && digest === undefined) return yield* overtaken
  const decided: Decided = { kind, name, what, ...(digest !== undefined && { digest }) }
  if ((yield* catalogue.decide(server, [decided], by)) === 0) return yield* overtaken
  yield* record(what, { kind, name })
  return back(server)
})

const approveAll = Effect.gen(function* () {
  const { sent, record, server, by, catalogue } = yield* changing
  const entries = catalogue.current().entries.get(server) ?? []
  if (sent.get("digest") !== waitingDigest(entries)) return yield* overtaken
  const decisions = entries
    .filter(isWaiting)
    .flatMap(({ kind, name, seen }) =>
      seen === undefined ? [] : [{ kind, name, what: "approve" as const, digest: seen.digest }]
    )
  const count = yield* catalogue.decide(server, decisions, by)
  yield* record("approve", { count })
  return back(server)
})

const turn = (isOff: boolean) =>
  Effect.gen(function* () {
    const { record, server, mount, by, catalogue } = yield* changing
    if (mount === undefined) return yield* unknown
    yield* catalogue.turn(server, isOff, by)
    yield* record(isOff ? "off" : "on")
    return back(server)
  })

const restart = Effect.gen(function* () {
  const { record, server, mount, status } = yield* changing
  if (mount === undefined) return yield* unknown
  yield* status.restart(server)
  yield* record("restart")
  return back(server)
})

const ask = Effect.gen(function* () {
  const { visit, server, mount, status } = yield* changing
  if (mount === undefined) return yield* unknown
  const asked = yield* Effect.result(status.recheck(mount))
  if (asked._tag === "Success") return back(server)
  if (asked.failure._tag === "StoreUnavailable") return yield* asked.failure
  return yield* show(visit, { told: asked.failure.message })
})

const remove = Effect.gen(function* () {
  const { record, server, mount, catalogue, status } = yield* changing
  if (mount?.origin !== "page") return yield* unknown
  yield* catalogue.remove(server)
  yield* status.restart(server)
  yield* record("removed")
  return goTo(PAGE)
})

/** What is wrong with an address that a page may add. */
const problemOf = (text: string): string | undefined => {
  if (!URL.canParse(text) || new URL(text).protocol !== "https:") return "An https address is needed."
  const { username, password, search } = new URL(text)
  if (username !== "" || password !== "") return "An address with a password in it is none for this page."
  return search === ""
    ? undefined
    : "What stands after the question mark may be a key: such a server stands in gatehouse.json."
}

const FIELDS = new Set(["csrf_token", "name", "title", "url", "auth"])

const add = Effect.gen(function* () {
  const { visit, sent, record, by, catalogue, status } = yield* changing
  const values = Object.fromEntries(sent)
  const wrong = (errors: Readonly<Record<string, string>>) => show(visit, { values, errors })
  const odd = [...sent.keys()].find((name) => !FIELDS.has(name))
  if (odd !== undefined)
    return yield* new Refused({ explanation: "A server is added here by its address, and by nothing else." })
  const name = sent.get("name") ?? ""
  if (!/^[a-zA-Z0-9_-]{1,16}$/.test(name)) return yield* wrong({ name: "At most 16 letters, digits, _ and -." })
  if (status.mounts().some((mount) => mount.name === name))
    return yield* wrong({ name: "There is such a server already." })
  const url = sent.get("url") ?? ""
  const problem = problemOf(url)
  if (problem !== undefined) return yield* wrong({ url: problem })
  const auth = sent.get("auth") === "oauth" ? "oauth" : "none"
  const title = (sent.get("title") ?? name).slice(0, 80)
  if (!(yield* catalogue.add({ name, title, url: new URL(url).href, auth }, by))) {
    return yield* wrong({ name: "There is such a server already." })
  }
  yield* record("added", { url })
  const mount = status.mounts().find((one) => one.name === name)
  if (mount === undefined || auth === "oauth") return back(name)
  const asked = yield* Effect.result(status.recheck(mount))
  if (asked._tag === "Success") return back(name)
  if (asked.failure._tag === "StoreUnavailable") return yield* asked.failure
  return yield* show(visit, { told: `It is added, and could not be asked what it offers: ${asked.failure.message}` })
})

export const AdminServersRoutes = HttpRouter.use(
  Effect.fn("AdminServersRoutes")(function* (router) {
    yield* route(router, PAGE, { GET: Effect.flatMap(owner, (visit) => show(visit)) })
    for (const [path, POST] of [
      ["decide", decide],
      ["approve", approveAll],
      ["on", turn(false)],
      ["off", turn(true)],
      ["restart", restart],
      ["ask", ask],
      ["remove", remove],
      ["add", add]
    ] as const) {
      yield* route(router, `${PAGE}/${path}`, { POST, page: PAGE })
    }
  })
)
