/** Which passwords may be chosen (ASVS 6.2): long enough, taken as they are typed, and not what everybody would try first. */

import { extname } from "node:path"
import { Worker } from "node:worker_threads"
import { Effect, Redacted, Schema } from "effect"
import { inTurn } from "./argon2id.ts"

const [LEAST, MOST] = [8, 256] as const

/** `why` is for the person who chose it. */
export class PasswordRefused extends Schema.TaggedError<PasswordRefused>()("PasswordRefused", { why: Schema.String }) {}

/** What the password must not be. */
export interface Surroundings {
  readonly name: string
  readonly email: string
  /** Of this server. */
  readonly host: string
}

/** Without what people add to a word to make a password of it. */
const bare = (text: string) =>
  text
    .toLowerCase()
    .normalize("NFKD")
    .replace(/^[\d\p{P}\p{S}\s]+|[\d\p{P}\p{S}\s]+$/gu, "")

const isObvious = (password: string, { name, email, host }: Surroundings) => {
  const [local = "", domain = ""] = email.split("@")
  const words = ["gatehouse", name, email, local, domain, host, ...host.split("."), ...name.split(/\s+/)]
  const obvious = new Set(words.flatMap((word) => [word.toLowerCase(), bare(word)]).filter((word) => word !== ""))
  return obvious.has(password.toLowerCase()) || obvious.has(bare(password))
}

/** Aside, whatever it costs to know; in turn with the hashes, since a thread is no less. */
const isCommon = (password: string) =>
  inTurn(
    Effect.callback<boolean>((resume) => {
      const program = new URL(`./common${extname(import.meta.url)}`, import.meta.url)
      const worker = new Worker(program, { workerData: password.toLowerCase() })
      worker.once("message", (found: boolean) => resume(Effect.succeed(found)))
      worker.once("error", (error) => resume(Effect.die(error)))
      return Effect.promise(() => worker.terminate())
    })
  )

/** Passes, or says why not. Counted are characters, whatever they are made of. */
export const check = Effect.fn("passwords.check")(function* (secret: Redacted.Redacted, surroundings: Surroundings) {
  const password = Redacted.value(secret)
  const { length } = [...password]
  if (length < LEAST) return yield* new PasswordRefused({ why: `A password has at least ${LEAST} characters.` })
  if (length > MOST) return yield* new PasswordRefused({ why: `A password has at most ${MOST} characters.` })
  if (isObvious(password, surroundings)) {
    return yield* new PasswordRefused({
      why: "This is your name, your address or this server's: whoever tries will try it first."
    })
  }
  if (yield* isCommon(password)) {
    return yield* new PasswordRefused({
      why: "Many people have this password, so it is tried first. Choose another one."
    })
  }
})
