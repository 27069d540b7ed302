/** A session with a mount: whose it is, what is known of it, and how many there may be. */

import { Context, type Deferred, Duration } from "effect"
import type { Mount } from "../mount.ts"
import type { Connection } from "./connect.ts"
import type { Whose } from "./contract.ts"
import type { Health } from "./Health.ts"
import type { Miss } from "./miss.ts"
import type { Over } from "./over.ts"

interface Room {
  readonly perMount: number
  readonly perSubject: number
  readonly all: number
}

/** How many sessions there may be: a child is a process of a hundred megabytes, a session over HTTP next to nothing. */
export class SessionLimits extends Context.Reference<{
  readonly Stdio: Room
  readonly Http: Room
  readonly age: Duration.Duration
}>("gatehouse/gateway/upstream/SessionLimits", {
  defaultValue: () => ({
    Stdio: { perMount: 20, perSubject: 10, all: 50 },
    Http: { perMount: 200, perSubject: 50, all: 1000 },
    age: Duration.hours(24)
  })
}) {}

export interface Session {
  readonly key: string
  readonly mount: Mount
  /** Nobody's if it is shared. */
  readonly subject: string | undefined
  readonly health: Health
  readonly since: number
  readonly over: Over
  readonly ready: Deferred.Deferred<Session, Miss>
  readonly gone: Deferred.Deferred<void>
  connection: Connection | undefined
  lastUsed: number
  /** Whose turn was before whose, also within a millisecond. */
  turn: number
  calls: number
  inFlight: number
  isSuspected: boolean
}

/** Where a person signs in at the mount, a session is that person's, whatever the entry says. */
export const sharing = ({ session, auth }: Mount) => (session === "shared" && auth === "oauth" ? "person" : session)

export const keyOf = (mount: Mount, { subject, grant, chat }: Whose): string => {
  switch (sharing(mount)) {
    case "shared":
      return mount.name
    case "person":
      return `${mount.name}\u0000${subject}`
    case "chat":
      // What a client said of its chat stands last, so that it can be nobody else's key.
      return `${mount.name}\u0000${subject}\u0000${grant}\u0000${chat ?? ""}`
  }
}
