/** `npm run doctor -- --servers`: starts every server of gatehouse.json here, and says what it offers, or why it cannot. */

import { Console, Effect, Layer, References } from "effect"
import { ServerConfig } from "../../config/ServerConfig.ts"
import { Credentials } from "../../gateway/Credentials.ts"
import { seenOf } from "../../gateway/catalogue/Catalogue.ts"
import { readMountFile } from "../../gateway/file/MountFile.ts"
import type { Mount } from "../../gateway/mount.ts"
import { Upstreams } from "../../gateway/upstream/Upstreams.ts"
import { Settings } from "./runProgram.ts"

const WHOSE = { subject: "doctor", grant: "doctor", chat: undefined }

const LocalUpstreams = Layer.unwrap(
  Effect.map(ServerConfig, ({ dataDir, childEnvironment }) =>
    Upstreams.layerOf({ via: "doctor", dataDir, environment: childEnvironment }).pipe(Layer.provide(Credentials.none))
  )
)

const plural = (count: number, what: string) => `${count} ${what}${count === 1 ? "" : "s"}`

/** What is said of one; whether it is well. */
const check = Effect.fnUntraced(function* (mount: Mount) {
  const upstreams = yield* Upstreams
  const named = `${mount.title} (${mount.name})`
  if (mount.disabled) return { isWell: true, lines: [`  off   ${named}`] }
  if (mount.auth === "oauth") {
    return { isWell: true, lines: [`  -     ${named}: not asked, since people sign in there, at /account/servers`] }
  }
  const asked = yield* Effect.result(upstreams.discover({ ...mount, session: "shared", keep: false }, WHOSE))
  if (asked._tag === "Failure") {
    const last = (yield* upstreams.stderr(mount.name)).slice(-3).map((line) => `          ${line}`)
    return { isWell: false, lines: [`  FAIL  ${named}: ${asked.failure.message}`, ...last] }
  }
  const seen = seenOf(asked.success)
  const count = (kind: string) => seen.filter((one) => one.kind === kind).length
  const offers = [
    plural(count("tool"), "tool"),
    plural(count("prompt"), "prompt"),
    plural(count("resource"), "resource")
  ]
  const odd = seen.flatMap(({ kind, name, definition }) =>
    definition.problem === undefined ? [] : [`        ${kind} ${name} cannot be listed: ${definition.problem}`]
  )
  return { isWell: true, lines: [`  ok    ${named}: ${offers.join(", ")}`, ...odd] }
})

/** Prints all of it; how many are not well. */
export const checkServers = Effect.gen(function* () {
  const { gatehouseFile } = yield* ServerConfig
  const { mounts } = yield* readMountFile()
  yield* Console.log(`\nServers of ${gatehouseFile.path}\n`)
  if (mounts.length === 0) yield* Console.log("  none")
  const checked = yield* Effect.forEach(mounts, check, { concurrency: 2 })
  for (const { lines } of checked) yield* Effect.forEach(lines, (line) => Console.log(line))
  return checked.filter(({ isWell }) => !isWell).length
}).pipe(
  Effect.provide(LocalUpstreams),
  // What they write is told where one of them is not well.
  Effect.provideService(References.MinimumLogLevel, "None"),
  Effect.provide(Settings)
)
