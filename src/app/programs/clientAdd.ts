/** `npm run client:add`: registers a client, or replaces its registration, and prints its secret once. */

import * as NodeServices from "@effect/platform-node/NodeServices"
import { Console, Effect, Layer, Redacted, Schema } from "effect"
import { Command, Flag } from "effect/cli"
import * as Database from "../../database/connect.ts"
import { ClientRegistry } from "../../oauth/clients/ClientRegistry.ts"
import { configure, refusals } from "../../oauth/clients/configured.ts"
import * as ClientSecret from "../../oauth/clients/secret.ts"
import { Revocations } from "../../oauth/tokens/Revocations.ts"
import { runProgram, Settings } from "./runProgram.ts"

class NotRegistered extends Schema.TaggedError<NotRegistered>()("NotRegistered", { message: Schema.String }) {}

const Services = ClientRegistry.layer.pipe(
  Layer.provide(Revocations.layer),
  Layer.provide(Database.layer),
  Layer.provideMerge(Settings)
)

const add = Command.make(
  "client:add",
  {
    id: Flag.String("id").pipe(Flag.withDescription("the client_id")),
    name: Flag.String("name").pipe(Flag.withDescription("the name on the consent page"), Flag.withDefault("")),
    redirect: Flag.String("redirect").pipe(
      Flag.withDescription("a redirect URI; say it once per URI"),
      Flag.atLeast(1)
    ),
    confidential: Flag.Boolean("confidential").pipe(
      Flag.withDescription("make a secret for the client"),
      Flag.withDefault(false)
    )
  },
  Effect.fn("client:add")(function* ({ id, name, redirect, confidential }) {
    const [refused] = yield* refusals(redirect)
    if (refused !== undefined) {
      return yield* new NotRegistered({ message: `--redirect ${refused.uri} ${refused.reason}` })
    }
    const secret = confidential ? ClientSecret.generate() : undefined
    yield* configure({ id, name: name === "" ? id : name, secret, redirectUris: redirect })
    yield* Console.log(
      [
        `client_id      ${id}`,
        secret === undefined
          ? "client_secret  none: a public client, token_endpoint_auth_method none"
          : `client_secret  ${Redacted.value(secret)}   (shown once, stored as a hash)`,
        ...redirect.map((uri) => `redirect_uri   ${uri}`)
      ].join("\n")
    )
  })
)

add.pipe(Command.provide(Services), Command.run({ version: "0.1.0" }), Effect.provide(NodeServices.layer), runProgram)
