/** All mounts, of the file and of the page, and which of them are in use. */

import { createHash } from "node:crypto"
import { Duration, Effect, Layer, Stream } from "effect"
import { Catalogue, type Known } from "../catalogue/Catalogue.ts"
import type { AddedServer } from "../catalogue/ServersStore.ts"
import { MountFile } from "../file/MountFile.ts"
import { MountsInUse } from "../MountsInUse.ts"
import type { Mount } from "../mount.ts"

/** As a page describes it: what only a file may say is as if it said nothing. */
const ofPage = (server: AddedServer): Mount => ({
  name: server.name,
  title: server.title,
  origin: "page",
  transport: { _tag: "Http", url: server.url, headers: {}, mayBePrivate: false },
  session: server.auth === "oauth" ? "person" : "shared",
  auth: server.auth,
  signIn: {},
  idle: Duration.minutes(10),
  timeout: Duration.seconds(55),
  keep: false,
  tools: undefined,
  people: "everyone",
  disabled: false,
  fingerprint: createHash("sha256").update(JSON.stringify(server)).digest("base64url")
})

/** All that are described. Of two by one name the file's is the one. */
export const allMounts = (ofFile: ReadonlyArray<Mount>, { added }: Known): ReadonlyArray<Mount> => {
  const names = new Set(ofFile.map(({ name }) => name))
  return [...ofFile, ...added.filter(({ name }) => !names.has(name)).map(ofPage)]
}

export const isOff = (mount: Mount, { switchedOff }: Known): boolean => mount.disabled || switchedOff.has(mount.name)

export const Mounts = Layer.effect(
  MountsInUse,
  Effect.gen(function* () {
    const file = yield* MountFile
    const catalogue = yield* Catalogue
    let ofFile = file.current()
    let known = catalogue.current()
    const make = () => allMounts(ofFile, known).filter((mount) => !isOff(mount, known))
    let mounts = make()
    const same = (one: ReadonlyArray<Mount>, other: ReadonlyArray<Mount>) =>
      one.length === other.length &&
      one.every(({ fingerprint, name }, at) => fingerprint === other[at]?.fingerprint && name === other[at]?.name)
    const current = () => {
      const [nowOfFile, nowKnown] = [file.current(), catalogue.current()]
      if (nowOfFile !== ofFile || nowKnown !== known) {
        ofFile = nowOfFile
        known = nowKnown
        const now = make()
        // Sessions and lists are made by what a mount is, and need not be anew because of a tool that was approved.
        if (!same(now, mounts)) mounts = now
      }
      return mounts
    }
    return MountsInUse.of({ current, changes: Stream.merge(file.changes, catalogue.changes) })
  })
)
