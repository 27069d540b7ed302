/**
 * One session with a mount for each key: all of us, a person, or a chat of a person's app. It is started by the first request,
 * shared by those who come meanwhile, and ended when it was idle or old, when it died, or when room is needed.
 *
 * `RcMap` is not used: it keeps a failed start as long as a good one, waits for a child's end in the request that happened to be
 * the last, and cannot say which session was idle longest.
 */

import { Clock, Deferred, Duration, Effect, Exit, Fiber, type FileSystem, Scope } from "effect"
import type { ChildProcessSpawner } from "effect/process"
import { upstreamRestarts } from "../../telemetry/counts.ts"
import type { Mount } from "../mount.ts"
import type { ConnectOptions } from "./connect.ts"
import type { MountHere, SessionStatus, Whose } from "./contract.ts"
import { Health } from "./Health.ts"
import { type Miss, unavailable } from "./miss.ts"
import { makeOver } from "./over.ts"
import { keyOf, type Session, SessionLimits, sharing } from "./session.ts"

export { keyOf } from "./session.ts"

/** Whoever is at work when a session has its age may come to an end. */
const AGE_GRACE_MS = 10 * 60_000
const AGE_POLL_MS = 1000

const warn = ({ name }: Mount, message: string) =>
  Effect.annotateLogs(Effect.logWarning("a session with a mounted server is over", message), { mount: name })

export const makeSessions = Effect.fn("makeSessions")(function* (options: ConnectOptions) {
  const limits = yield* SessionLimits
  const context = yield* Effect.context<ChildProcessSpawner.ChildProcessSpawner | FileSystem.FileSystem>()
  const clock = yield* Clock.Clock
  const now = () => clock.currentTimeMillisUnsafe()
  // All are ended at the same time: each may take seconds.
  const scope = yield* Scope.fork(yield* Effect.scope, "parallel")
  const sessions = new Map<string, Session>()
  /** Those of a key that are not gone yet, since two must not work in one folder. */
  const ending = new Map<string, Session>()
  const healths = new Map<string, Health>()
  let turns = 0

  /** Apart from whoever asked: what is theirs must not live as long as the session. */
  const fork = <E>(effect: Effect.Effect<void, E, ChildProcessSpawner.ChildProcessSpawner | FileSystem.FileSystem>) => {
    Fiber.runIn(Effect.runForkWith(context)(effect), scope)
  }

  /** Of all who share what may fail: the server elsewhere, the one child, or the children of one person. */
  const healthOf = (mount: Mount, { subject }: Whose): Health => {
    const isOfAll = mount.transport._tag === "Http" || sharing(mount) === "shared"
    const key = isOfAll ? mount.name : `${mount.name}\u0000${subject}`
    const known = healths.get(key)
    if (known?.mount.fingerprint === mount.fingerprint) return known
    for (const [other, health] of healths) if (health.isForgotten(now())) healths.delete(other)
    const health = new Health(mount)
    healths.set(key, health)
    return health
  }

  /** Nobody gets it any more; its fiber ends it. */
  const end = (session: Session, why: string) => {
    if (sessions.get(session.key) === session) {
      sessions.delete(session.key)
      ending.set(session.key, session)
    }
    session.over.end(why)
  }

  /** The session to end first, nobody if there is room, or nothing if all are at work. */
  const victimFor = (mount: Mount, subject: string | undefined): Session | "nobody" | undefined => {
    const tag = mount.transport._tag
    const room = limits[tag]
    const same = [...sessions.values()].filter((session) => session.mount.transport._tag === tag)
    const ofMount = same.filter((session) => session.mount.name === mount.name)
    const ofSubject = subject === undefined ? [] : same.filter((session) => session.subject === subject)
    const full =
      ofSubject.length >= room.perSubject
        ? ofSubject
        : ofMount.length >= room.perMount
          ? ofMount
          : same.length >= room.all
            ? same
            : undefined
    if (full === undefined) return "nobody"
    return full
      .filter(({ inFlight, connection }) => inFlight === 0 && connection !== undefined)
      .reduce<Session | undefined>(
        (longest, session) => (longest === undefined || session.turn < longest.turn ? session : longest),
        undefined
      )
  }

  /** Done when it is idle for as long as it may be, or old and nobody is at work in it. */
  const outlived = (session: Session): Effect.Effect<string> =>
    Effect.suspend(() => {
      const [at, age, idle] = [now(), Duration.toMillis(limits.age), Duration.toMillis(session.mount.idle)]
      const older = at - session.since - age
      if (older >= (session.inFlight > 0 ? AGE_GRACE_MS : 0)) return Effect.succeed("was ended for its age")
      const idleFor = session.inFlight > 0 ? 0 : at - session.lastUsed
      if (idleFor >= idle) return Effect.succeed("was ended since nobody used it")
      const next = Math.min(idle - idleFor, older < 0 ? -older : AGE_POLL_MS)
      return Effect.andThen(Effect.sleep(Math.max(next, 1)), outlived(session))
    })

  const live = Effect.fnUntraced(function* (session: Session, whose: Whose) {
    const { mount, key, over, ready, health } = session
    const stopped = Effect.flatMap(over.wait, (why) =>
      Effect.fail<Miss>({ kind: "unsent", failure: unavailable(mount, `${why}.`) })
    )
    // With the SDK's client, which a server without mounts does not need: 0.9 MB of source text.
    const { connect } = yield* Effect.promise(() => import("./connect.ts"))
    const connection = yield* connect(mount, key, whose, options).pipe(
      Effect.raceFirst(stopped),
      Effect.tapError((miss) =>
        Effect.sync(() => {
          // Whoever has to sign in first says nothing of the mount, nor does an end that we wanted.
          const isItsOwn = miss.kind !== "unasked" && over.why() === undefined
          if (isItsOwn) {
            health.startFailed(now(), miss.failure)
            upstreamRestarts.of(mount.name).value++
          }
          end(session, "did not start")
          Deferred.doneUnsafe(ready, Effect.fail(miss))
          return isItsOwn
        }).pipe(Effect.flatMap((isItsOwn) => (isItsOwn ? warn(mount, miss.failure.message) : Effect.void)))
      )
    )
    session.connection = connection
    session.lastUsed = now()
    Deferred.doneUnsafe(ready, Effect.succeed(session))
    const died = Effect.tap(connection.over.wait, (why) => {
      if (over.why() !== undefined) return Effect.void
      upstreamRestarts.of(mount.name).value++
      // Whatever ends it in a call may be the call's doing.
      if (session.calls === 0) health.startFailed(now(), unavailable(mount, `${why}.`))
      return warn(mount, `${mount.title} ${why}.`)
    })
    const why = yield* Effect.raceFirst(Effect.raceFirst(died, over.wait), outlived(session))
    end(session, why)
    // Those who wait for an answer hear of it now, and not when the child is gone.
    yield* Effect.promise(() => connection.client.close())
  }, Effect.scoped)

  const run = (session: Session, whose: Whose, before: ReadonlyArray<Session>) =>
    Effect.forEach(before, ({ gone }) => Deferred.await(gone), { discard: true }).pipe(
      Effect.andThen(live(session, whose)),
      Effect.ignore,
      Effect.catchDefect((defect) => Effect.logError("a session with a mounted server failed", defect)),
      Effect.ensuring(
        Effect.sync(() => {
          end(session, "was ended")
          if (ending.get(session.key) === session) ending.delete(session.key)
          const failure = unavailable(session.mount, "is being shut down.")
          Deferred.doneUnsafe(session.ready, Effect.fail({ kind: "unsent", failure }))
          Deferred.doneUnsafe(session.gone, Exit.void)
        })
      )
    )

  const start = (mount: Mount, whose: Whose, key: string): Effect.Effect<Session, Miss> => {
    const health = healthOf(mount, whose)
    const refused = health.startRefused(now())
    if (refused !== undefined) return Effect.fail({ kind: "unasked", failure: refused })
    const subject = sharing(mount) === "shared" ? undefined : whose.subject
    const victim = victimFor(mount, subject)
    if (victim === undefined) {
      const failure = unavailable(mount, "has too many sessions at work. Try again later.")
      return Effect.fail({ kind: "unasked", failure })
    }
    const before = ending.get(key)
    if (victim !== "nobody") end(victim, "was ended to make room")
    const session: Session = {
      key,
      mount,
      subject,
      health,
      since: now(),
      over: makeOver(),
      ready: Deferred.makeUnsafe(),
      gone: Deferred.makeUnsafe(),
      connection: undefined,
      lastUsed: now(),
      turn: ++turns,
      calls: 0,
      inFlight: 0,
      isSuspected: false
    }
    sessions.set(key, session)
    const waitsFor = [before, victim === "nobody" ? undefined : victim].filter((one) => one !== undefined)
    fork(run(session, whose, waitsFor))
    return Deferred.await(session.ready)
  }

  return {
    healthOf,
    end,
    now,
    used: (session: Session) => {
      session.lastUsed = now()
      session.turn = ++turns
    },
    fork,
    /** The session that is up, without an effect: what nearly every request finds. */
    find: (mount: Mount, whose: Whose): Session | undefined => {
      const session = sessions.get(keyOf(mount, whose))
      return session?.connection !== undefined && session.mount.fingerprint === mount.fingerprint ? session : undefined
    },
    /** The session of whoever asks, started if need be: by a fiber of its own, so that nobody's leaving ends it. */
    acquire: (mount: Mount, whose: Whose): Effect.Effect<Session, Miss> =>
      Effect.suspend(() => {
        const key = keyOf(mount, whose)
        const session = sessions.get(key)
        if (session?.mount.fingerprint === mount.fingerprint) return Deferred.await(session.ready)
        if (session !== undefined) end(session, "was set up anew")
        return start(mount, whose, key)
      }),
    restart: (mount: string) =>
      Effect.suspend(() => {
        for (const [key, health] of healths) if (health.mount.name === mount) healths.delete(key)
        const own = [...sessions.values(), ...ending.values()].filter((session) => session.mount.name === mount)
        for (const session of own) end(session, "was restarted")
        return Effect.forEach(own, ({ gone }) => Deferred.await(gone), { concurrency: "unbounded", discard: true })
      }),
    here: (mount: string): MountHere => ({
      isDown: [...healths.values()].some((health) => health.mount.name === mount && health.isDown),
      children: [...sessions.values(), ...ending.values()].filter(
        (session) => session.mount.name === mount && session.connection?.pid !== undefined
      ).length
    }),
    status: Effect.sync((): ReadonlyArray<SessionStatus> => {
      const up = [...sessions.values(), ...ending.values()].map(
        ({ mount, subject, key, connection, over, since, lastUsed, calls }) => ({
          mount: mount.name,
          ...(subject !== undefined && { subject }),
          key,
          state:
            over.why() !== undefined
              ? ("down" as const)
              : connection === undefined
                ? ("starting" as const)
                : ("up" as const),
          ...(connection?.pid !== undefined && { pid: connection.pid }),
          since,
          lastUsed,
          calls
        })
      )
      const looping = [...healths]
        .filter(([, { isLooping }]) => isLooping)
        .map(([key, { mount, lastFailure }]) => ({
          mount: mount.name,
          key,
          state: "crash-loop" as const,
          since: lastFailure,
          lastUsed: lastFailure,
          calls: 0
        }))
      return [...up, ...looping]
    })
  }
})

export type Sessions = Effect.Success<ReturnType<typeof makeSessions>>
