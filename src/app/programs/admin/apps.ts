/** `admin apps …`. */

import { Effect, Option } from "effect"
import { Argument, Command, Flag } from "effect/cli"
import { isUuid } from "../../../database/query.ts"
import { TokenStore } from "../../../oauth/grants/TokenStore.ts"
import { ConsentStore } from "../../../people/ConsentStore.ts"
import { People } from "../../../people/People.ts"
import { personOf } from "./people.ts"
import { json, limit, NotDone, printDone, printRows } from "./print.ts"

export const person = Flag.String("person").pipe(Flag.withDescription("an e-mail address: theirs alone"), Flag.optional)
export const before = (isId: (text: string) => boolean) =>
  Flag.String("before").pipe(
    Flag.withDescription("an id: only what came before it"),
    Flag.filter(isId, (text) => `${text} is no id`),
    Flag.optional
  )

export const subjectOf = (person: Option.Option<string>) =>
  Option.match(person, {
    onNone: () => Effect.undefined,
    onSome: (email) => Effect.map(personOf(email), ({ id }) => id)
  })

const list = Command.make(
  "list",
  { person, limit: limit(100), before: before(isUuid), json },
  Effect.fn("apps list")(function* ({ person, limit, before, json }) {
    const subject = yield* subjectOf(person)
    const place = Option.getOrUndefined(before)
    const found = yield* Effect.catchTag(
      (yield* TokenStore).connections({ subject, before: place, limit }),
      "NoSuchConnection",
      () => Effect.fail(new NotDone({ message: `there is no connection ${place}` }))
    )
    const names = new Map((yield* (yield* People).list).map(({ id, email }) => [id, email]))
    const rows = found.map((one) => ({
      app: one.clientName,
      person: names.get(one.subject) ?? one.subject,
      state: one.status,
      since: one.createdAt,
      used: one.lastUsedAt,
      from: one.lastAddress,
      scopes: one.scopes,
      client_id: one.clientId,
      id: one.sessionId
    }))
    yield* printRows(json, ["app", "person", "state", "since", "used", "from", "client_id", "id"], rows)
  })
).pipe(Command.withDescription("What is connected, by whom"))

const end = Command.make(
  "end",
  {
    id: Argument.String("id").pipe(Argument.withDescription("of a connection"), Argument.optional),
    person,
    client: Flag.String("client").pipe(
      Flag.withDescription("a client_id: all its connections of --person"),
      Flag.optional
    ),
    json
  },
  Effect.fn("apps end")(function* ({ id, person, client, json }) {
    const subject = yield* subjectOf(person)
    const clientId = Option.getOrUndefined(client)
    const what = Option.isSome(id)
      ? { sessionId: id.value }
      : subject !== undefined && clientId !== undefined
        ? { subject, clientId }
        : yield* new NotDone({ message: "say which: an id, or --person and --client" })
    const operator = { actorId: undefined, address: undefined }
    const ended = yield* (yield* TokenStore).disconnect(what, operator, (yield* ConsentStore).forget)
    if (ended.length === 0) return yield* new NotDone({ message: "there is no such connection that lives" })
    yield* printDone(
      json,
      { ended: ended.map(({ sessionId }) => sessionId) },
      `${ended.length} ended: access is gone with the next request`
    )
  })
).pipe(Command.withDescription("Cut a connection off"))

export const apps = Command.make("apps").pipe(
  Command.withDescription("What is connected"),
  Command.withSubcommands([list, end])
)
