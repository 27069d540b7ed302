/** Where people are signed in: a browser holds a random token, and the database its hash. */

import { Context, Effect, Layer, type Redacted } from "effect"
import { SqlClient } from "effect/sql"
import { operation, type StoreUnavailable } from "../database/query.ts"
import { type Browser, type BrowserSession, makeBrowserSessions, type Visit } from "./browserSessions.sql.ts"
import type { Actor } from "./people.sql.ts"
import type { SignInMethod } from "./person.ts"

/** A session, and the token that its browser shows from now on. */
export interface SignedIn {
  readonly token: Redacted.Redacted
  readonly session: BrowserSession
}

export class BrowserSessions extends Context.Service<
  BrowserSessions,
  {
    /** Signs a person in, in place of whoever was `before`; nothing for one who is disabled. */
    readonly begin: (
      personId: string,
      method: SignInMethod,
      browser: Browser,
      before?: Visit
    ) => Effect.Effect<SignedIn | undefined, StoreUnavailable>
    /** Goes on with a session under a new token, after its person has proved anew who they are. */
    readonly confirm: (
      id: string,
      method: SignInMethod,
      browser: Browser
    ) => Effect.Effect<SignedIn | undefined, StoreUnavailable>
    /** Whose browser shows this token, while it is signed in and its person is not disabled. */
    readonly find: (token: Redacted.Redacted) => Effect.Effect<Visit | undefined, StoreUnavailable>
    /** All of a person's, the one used last first. */
    readonly list: (personId: string) => Effect.Effect<ReadonlyArray<BrowserSession>, StoreUnavailable>
    /** Ends one of a person's, or all but one; how many that were. */
    readonly end: (
      personId: string,
      which: { readonly id: string } | { readonly not: string },
      actor: Actor
    ) => Effect.Effect<number, StoreUnavailable>
  }
>()("gatehouse/people/BrowserSessions") {
  static readonly layer = Layer.effect(
    BrowserSessions,
    Effect.map(SqlClient.SqlClient, (sql) => {
      const { begin, confirm, find, list, end } = makeBrowserSessions(sql)
      return BrowserSessions.of({
        begin: (...given) => operation(begin(...given)),
        confirm: (...given) => operation(confirm(...given)),
        find: (token) => operation(find(token)),
        list: (personId) => operation(list(personId)),
        end: (...given) => operation(end(...given))
      })
    })
  )
}
