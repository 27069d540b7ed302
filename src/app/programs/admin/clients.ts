/** `admin clients …` and `admin keys rotate`. */

import { Effect, Redacted } from "effect"
import { Argument, Command, Flag } from "effect/cli"
import * as Administration from "../../../oauth/clients/administration.ts"
import { ClientRegistry } from "../../../oauth/clients/ClientRegistry.ts"
import { configure, refusals } from "../../../oauth/clients/configured.ts"
import * as ClientSecret from "../../../oauth/clients/secret.ts"
import { rotateSigningKeys } from "../../../oauth/openid/SigningKeys.ts"
import { ServerKeys } from "../../../oauth/tokens/ServerKeys.ts"
import { People } from "../../../people/People.ts"
import { json, limit, NotDone, printDone, printRows } from "./print.ts"

const id = Argument.String("client_id")

const record = Effect.fnUntraced(function* (clientId: string, what: string) {
  yield* (yield* People).record({ event: "client_changed", clientId, detail: { what } })
})

const list = Command.make(
  "list",
  { limit: limit(200), json },
  Effect.fn("clients list")(function* ({ limit, json }) {
    const clients = yield* (yield* ClientRegistry).list(limit)
    const rows = clients.map((client) => ({
      client_id: client.clientId,
      name: client.name,
      origin: client.origin,
      state: client.disabled ? "disabled" : "active",
      auth: client.authMethods,
      redirect_uris: client.redirectUris
    }))
    yield* printRows(json, ["client_id", "name", "origin", "state", "auth", "redirect_uris"], rows)
  })
).pipe(Command.withDescription("The clients that this server knows"))

/** Also `npm run client:add`, which it was before. */
export const add = Command.make(
  "add",
  {
    id: Flag.String("id").pipe(Flag.withDescription("the client_id")),
    name: Flag.String("name").pipe(Flag.withDescription("the name on the consent page"), Flag.withDefault("")),
    redirect: Flag.String("redirect").pipe(
      Flag.withDescription("a redirect URI; say it once per URI"),
      Flag.atLeast(1)
    ),
    afterLogout: Flag.String("post-logout-redirect").pipe(
      Flag.withDescription("where it may send people who signed out of it; say it once per URI"),
      Flag.atLeast(0)
    ),
    confidential: Flag.Boolean("confidential").pipe(
      Flag.withDescription("make a secret for the client"),
      Flag.withDefault(false)
    ),
    json
  },
  Effect.fn("clients add")(function* ({ id, name, redirect, afterLogout, confidential, json }) {
    for (const [flag, uris] of Object.entries({ redirect, "post-logout-redirect": afterLogout })) {
      const [refused] = yield* refusals(uris)
      if (refused !== undefined) {
        return yield* new NotDone({ message: `--${flag} ${refused.uri} ${refused.reason}` })
      }
    }
    const secret = confidential ? ClientSecret.generate() : undefined
    yield* configure({
      id,
      name: name === "" ? id : name,
      secret,
      redirectUris: redirect,
      postLogoutRedirectUris: afterLogout
    })
    yield* record(id, "added")
    yield* printDone(
      json,
      {
        client_id: id,
        ...(secret === undefined ? {} : { client_secret: Redacted.value(secret) }),
        redirect_uris: redirect,
        post_logout_redirect_uris: afterLogout
      },
      [
        `client_id      ${id}`,
        secret === undefined
          ? "client_secret  none: a public client, token_endpoint_auth_method none"
          : `client_secret  ${Redacted.value(secret)}   (shown once, stored as a hash)`,
        ...redirect.map((uri) => `redirect_uri   ${uri}`),
        ...afterLogout.map((uri) => `post_logout_redirect_uri  ${uri}`)
      ].join("\n")
    )
  })
).pipe(Command.withDescription("Register a client, or replace its registration"))

const unfit = ({ why }: Administration.ClientUnfit) => Effect.fail(new NotDone({ message: why }))

const secret = Command.make(
  "secret",
  { id, json },
  Effect.fn("clients secret")(function* ({ id, json }) {
    const made = yield* Effect.catchTag(Administration.renewSecret(id), "ClientUnfit", unfit)
    yield* record(id, "new secret")
    const client_secret = Redacted.value(made)
    yield* printDone(
      json,
      { client_id: id, client_secret },
      `client_secret  ${client_secret}   (shown once, stored as a hash)`
    )
  })
).pipe(Command.withDescription("Make a new secret: the old one is worth nothing then"))

const turn = (name: "enable" | "disable") =>
  Command.make(
    name,
    { id, json },
    Effect.fn(`clients ${name}`)(function* ({ id, json }) {
      const isDisabled = name === "disable"
      yield* Effect.catchTag(Administration.setDisabled(id, isDisabled), "ClientUnfit", unfit)
      yield* record(id, `${name}d`)
      yield* printDone(json, { client_id: id, state: isDisabled ? "disabled" : "active" }, `${id} is ${name}d`)
    })
  ).pipe(Command.withDescription(name === "disable" ? "Shut a client out at once" : "Let a client in again"))

export const clients = Command.make("clients").pipe(
  Command.withDescription("The clients that this server knows"),
  Command.withSubcommands([list, add, secret, turn("enable"), turn("disable")])
)

/** Also `npm run keys:rotate`, which it was before. */
export const rotate = Command.make(
  "rotate",
  { json },
  Effect.fn("keys rotate")(function* ({ json }) {
    const id = yield* (yield* ServerKeys).rotate
    if (id === undefined) {
      return yield* new NotDone({
        message: "all 256 key ids are taken; delete the oldest rows of mcp.server_keys first"
      })
    }
    yield* rotateSigningKeys
    yield* (yield* People).record({ event: "keys_rotated", detail: { key: id } })
    yield* printDone(
      json,
      { key: id },
      `added key ${id}: it signs from two minutes on, and the older keys go on verifying`
    )
  })
).pipe(Command.withDescription("Add a server key, and keys of ID tokens"))

export const keys = Command.make("keys").pipe(Command.withDescription("Server keys"), Command.withSubcommands([rotate]))
