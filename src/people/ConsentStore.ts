/** What people allowed, so that they need not be asked again for the same. */

import { Context, Effect, Layer, Schema } from "effect"
import { SqlClient } from "effect/sql"
import { firstRow, operation, type StoreUnavailable } from "../database/query.ts"

/** A client that asks, and where its answers go. */
export interface Asking {
  readonly personId: string
  readonly clientId: string
  readonly redirectHost: string
  /** What it asks for. */
  readonly asked: ReadonlyArray<string>
}

/** What a person answered the last time that a client asked from the same host. */
const Answered = Schema.Struct({
  /** It asked for the same, and all of it was granted, so that there is nothing to ask. */
  isEnough: Schema.Boolean,
  /** What they did not grant of what it asked for then. */
  declined: Schema.Array(Schema.String)
})

const decodeAnswered = firstRow(Answered)
const sorted = (scopes: ReadonlyArray<string>) => scopes.toSorted()

export class ConsentStore extends Context.Service<
  ConsentStore,
  {
    readonly recall: (asking: Asking) => Effect.Effect<typeof Answered.Type | undefined, StoreUnavailable>
    /** In the transaction of the code that it leads to; the client is stored by then. */
    readonly remember: (asking: Asking, scopes: ReadonlyArray<string>) => Effect.Effect<void, StoreUnavailable>
    /** Asks the next time, whatever was allowed; in the transaction of what it goes with. */
    readonly forget: (
      grants: ReadonlyArray<{ readonly subject: string; readonly clientId: string }>
    ) => Effect.Effect<void, StoreUnavailable>
  }
>()("gatehouse/people/ConsentStore") {
  static readonly layer = Layer.effect(
    ConsentStore,
    Effect.map(SqlClient.SqlClient, (sql) =>
      ConsentStore.of({
        recall: ({ personId, clientId, redirectHost, asked }) =>
          operation(
            decodeAnswered(sql`
              select asked = ${sorted(asked)} and scopes @> asked as "isEnough",
                array(select unnest(asked) except select unnest(scopes)) as declined
              from mcp.consents
              where person_id = ${personId} and client_id = ${clientId} and redirect_host = ${redirectHost}`)
          ),
        remember: ({ personId, clientId, redirectHost, asked }, scopes) =>
          Effect.asVoid(
            operation(sql`
              insert into mcp.consents (person_id, client_id, redirect_host, asked, scopes)
              values (${personId}, ${clientId}, ${redirectHost}, ${sorted(asked)}, ${scopes})
              on conflict (person_id, client_id, redirect_host)
              do update set asked = excluded.asked, scopes = excluded.scopes, granted_at = clock_timestamp()`)
          ),
        forget: (grants) =>
          Effect.asVoid(
            operation(sql`
              delete from mcp.consents where (person_id::text, client_id) in (
                select * from unnest(${grants.map(({ subject }) => subject)}::text[],
                                     ${grants.map(({ clientId }) => clientId)}::text[]))`)
          )
      })
    )
  )
}
