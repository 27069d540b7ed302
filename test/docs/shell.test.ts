/** What the first pages have somebody type is typed, in a copy of the repository, and what they show is what it prints. */

import { type ChildProcess, spawn } from "node:child_process"
import { copyFileSync, mkdirSync } from "node:fs"
import { join } from "node:path"
import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { textOf } from "../../docs/.vitepress/pages.ts"
import { freePort } from "../support/app.ts"
import { said, temporaryFolder } from "../support/program.ts"
import { copyRepository } from "../support/repository.ts"

const ROOT = join(import.meta.dirname, "../..")

/** The blocks of a page in order, each with its language; one without shows what the block before it prints. */
const blocksOf = (page: string) =>
  [...textOf(page).matchAll(/^```(\w*)\n([\s\S]*?)^```$/gm)].map(([, language = "", text = ""]) => ({ language, text }))

const copied = Effect.map(temporaryFolder, (folder) => {
  copyRepository(folder)
  return folder
})

/** Types a text into a shell. All that it starts is of one group, and is gone with the scope. */
const typed = (text: string, cwd: string, environment: Readonly<Record<string, string>>) =>
  Effect.acquireRelease(
    Effect.sync(() => {
      const child: ChildProcess = spawn("/bin/sh", ["-e", "-c", text], {
        cwd,
        detached: true,
        env: { PATH: process.env.PATH, HOME: cwd, npm_config_update_notifier: "false", ...environment },
        stdio: ["ignore", "pipe", "pipe"]
      })
      let output = ""
      for (const stream of [child.stdout, child.stderr]) {
        stream?.on("data", (chunk) => {
          output += chunk
        })
      }
      const closed = new Promise<number | null>((resolve) => child.once("close", (code) => resolve(code)))
      const end = (signal: NodeJS.Signals) => {
        if (child.exitCode === null && child.signalCode === null) process.kill(-(child.pid ?? 0), signal)
      }
      return { process: child, output: () => output, exited: Effect.promise(() => closed), end }
    }),
    ({ end, exited }) =>
      Effect.andThen(
        Effect.sync(() => end("SIGKILL")),
        exited
      )
  )

/** What differs from run to run. */
const masked = (text: string, port: number) =>
  text
    .replaceAll(String(port), "3000")
    .replaceAll("\r", "")
    .replace(/(#|mcp_(?:ac|at|rt)_)[\w-]+/g, "$1…")
    .trim()

const options = { timeout: 300_000 }

describe("docs/start.md", () => {
  it.live(
    "what it says to type works, in its order, and prints what it shows",
    () =>
      Effect.gen(function* () {
        const folder = yield* copied
        const port = yield* freePort
        const [first, welcome, doctor, found, , outside, ...rest] = blocksOf("docs/start.md")
        assert.deepStrictEqual(
          [first, welcome, doctor, found, outside].map((block) => block?.language),
          ["sh", "", "sh", "", "sh"]
        )
        assert.isFalse(
          rest.some(({ language }) => language === "sh"),
          "a block that nobody runs"
        )

        // What is installed stands there already, and is not to be touched; whether npm would take the lock, it says.
        const [install = "", start = ""] = first?.text.trim().split("\n") ?? []
        assert.deepStrictEqual([install, start], ["npm install", "npm start"])
        const apart = join(folder, "apart")
        mkdirSync(apart)
        for (const file of ["package.json", "package-lock.json"]) copyFileSync(join(ROOT, file), join(apart, file))
        const dry = yield* typed("npm ci --dry-run --offline --ignore-scripts", apart, {})
        assert.strictEqual(yield* dry.exited, 0, dry.output())

        const environment = { PORT: String(port) }
        const here = yield* typed(start, folder, environment)
        const [shown = ""] = yield* said(here, /Gatehouse is up on[\s\S]*anybody who reaches it can connect\./)
        assert.strictEqual(masked(shown, port), masked(welcome?.text ?? "", port))
        const report = yield* typed(doctor?.text.replaceAll("3000", String(port)) ?? "", folder, {})
        // Not all can link themselves: it is this computer alone.
        assert.strictEqual(yield* report.exited, 1, report.output())
        for (const part of found?.text.split("  …\n") ?? []) assert.include(masked(report.output(), port), part.trim())
        here.end("SIGTERM")
        yield* here.exited

        const public_ = yield* typed(outside?.text ?? "", folder, environment)
        yield* said(public_, /Gatehouse is up on https:\/\/example\.ngrok\.app[\s\S]*no app can be connected\./)
        public_.end("SIGTERM")
        yield* public_.exited
      }).pipe(Effect.scoped),
    options
  )
})

describe("docs/by-hand.md", () => {
  it.live(
    "each request is answered as it shows",
    () =>
      Effect.gen(function* () {
        const folder = yield* copied
        const port = yield* freePort
        const [start, ...steps] = blocksOf("docs/by-hand.md")
        const server = yield* typed(start?.text ?? "", folder, { PORT: String(port) })
        yield* said(server, /Gatehouse is up on/)
        const commands = steps.filter(({ language }) => language === "sh").map(({ text }) => text)
        const walk = yield* typed(commands.join("\n").replaceAll("3000", String(port)), folder, {})
        assert.strictEqual(yield* walk.exited, 0, walk.output())
        const shown = steps.filter(({ language }) => language === "").map(({ text }) => text)
        assert.strictEqual(masked(walk.output(), port), masked(shown.join(""), port))
        server.end("SIGTERM")
        yield* server.exited
      }).pipe(Effect.scoped),
    options
  )
})
