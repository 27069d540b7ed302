/** `gatehouse.json`: read at the start, and again whenever it changes. */

import { readFileSync, watch } from "node:fs"
import { basename, dirname, resolve } from "node:path"
import { Context, Effect, Layer, PubSub, Queue, Redacted, Result, Schema, Stream } from "effect"
import { isOurs } from "../../config/environment.ts"
import { ServerConfig } from "../../config/ServerConfig.ts"
import type { Mount } from "../mount.ts"
import { readMounts } from "./mounts.ts"

/** The file is not usable. Each problem begins with the path of what it is about. */
export class MountsInvalid extends Schema.TaggedError<MountsInvalid>()("MountsInvalid", {
  path: Schema.String,
  problems: Schema.Array(Schema.String)
}) {
  override get message() {
    return `${this.path} is not usable:\n${this.problems.map((problem) => `  - ${problem}`).join("\n")}`
  }
}

const MOST_BYTES = 1024 * 1024

/** Its text; nothing where there is none. */
const textOf = (path: string) =>
  Effect.try({
    try: () => readFileSync(path, "utf8"),
    catch: (cause) => (cause instanceof Error && "code" in cause ? String(cause.code) : "unreadable")
  }).pipe(Effect.catch((code) => (code === "ENOENT" ? Effect.undefined : Effect.fail(`cannot be read (${code})`))))

/** What the file says, with the variables of the environment. */
export const readMountFile = Effect.fn("readMountFile")(function* () {
  const { gatehouseFile, secrets } = yield* ServerConfig
  const { path, isSaid } = gatehouseFile
  const invalid = (problems: ReadonlyArray<string>) => new MountsInvalid({ path, problems })
  const text = yield* Effect.mapError(textOf(path), (problem) => invalid([problem]))
  if (text === undefined) {
    return isSaid ? yield* invalid(["GATEHOUSE_FILE: there is no such file"]) : { text: "", mounts: [] }
  }
  if (text.length > MOST_BYTES) return yield* invalid(["is larger than 1 MB"])
  const lookUp = (name: string) => {
    const value = secrets[name]
    return value === undefined ? undefined : Redacted.value(value)
  }
  const { mounts, problems } = readMounts(text, dirname(resolve(path)), { lookUp, isOurs })
  return problems.length > 0 ? yield* invalid(problems) : { text, mounts }
})

/** Told of every change of a file: editors put another in its place, so it is the folder that is watched. */
const changesOf = (path: string) =>
  Effect.gen(function* () {
    const changes = yield* Queue.sliding<void>(1)
    const name = basename(path)
    const watching = Result.try(() =>
      watch(dirname(resolve(path)), (_, file) => {
        // Where a volume of Kubernetes is mounted, the file is a link, and what changes is the folder that it leads to.
        if (file === null || file === name || file.startsWith("..")) Queue.offerUnsafe(changes, undefined)
      })
    )
    if (Result.isFailure(watching)) {
      yield* Effect.logWarning(`${path} is not watched: a change needs a new start`)
      return Effect.never
    }
    yield* Effect.addFinalizer(() => Effect.sync(() => watching.success.close()))
    // An editor writes a file in several steps.
    return Effect.andThen(Queue.take(changes), Effect.delay(Queue.clear(changes), "100 millis"))
  })

export class MountFile extends Context.Service<
  MountFile,
  {
    /** Another array whenever something in it is another. */
    readonly current: () => ReadonlyArray<Mount>
    readonly changes: Stream.Stream<void>
  }
>()("gatehouse/gateway/file/MountFile") {
  /** Fails where the file is not usable at the start; later the last good one stays. */
  static readonly layer = Layer.effect(
    MountFile,
    Effect.gen(function* () {
      const config = yield* ServerConfig
      const { path } = config.gatehouseFile
      let { text, mounts } = yield* readMountFile()
      const told = yield* PubSub.sliding<void>(1)

      const reload = Effect.gen(function* () {
        const now = yield* readMountFile()
        if (now.text === text) return
        if (now.text === "") {
          yield* Effect.logWarning(`${path} is gone: the servers stay as they were`)
          return
        }
        text = now.text
        mounts = now.mounts
        yield* Effect.annotateLogs(Effect.logInfo(`${path} was read anew`), {
          servers: mounts.map(({ name }) => name).join(", ")
        })
        yield* PubSub.publish(told, undefined)
      }).pipe(
        Effect.catch(({ problems }) =>
          Effect.forEach(problems, (problem) => Effect.logError(`${path}: the servers stay as they were: ${problem}`))
        ),
        // Whatever a file may do to its reader, the next change is heard.
        Effect.catchCause((cause) => Effect.logError(`${path}: the servers stay as they were`, cause)),
        Effect.provideService(ServerConfig, config)
      )
      const changed = yield* changesOf(path)
      yield* Effect.forkScoped(Effect.forever(Effect.andThen(changed, reload)))
      return MountFile.of({ current: () => mounts, changes: Stream.fromPubSub(told) })
    })
  )
}
