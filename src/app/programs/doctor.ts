/** `npm run doctor -- https://host`: probes a deployment the way each client does, and says who can link itself. */

import * as NodeServices from "@effect/platform-node/NodeServices"
import { Console, Effect, Option, Schema } from "effect"
import { Argument, CliError, Command, Flag } from "effect/cli"
import { version } from "../../config/version.ts"
import { judge } from "../../doctor/clients.ts"
import { diagnose } from "../../doctor/findings.ts"
import { login } from "../../doctor/login.ts"
import { checkServers } from "./doctorServers.ts"
import { runProgram } from "./runProgram.ts"

/** Something needs a hand: exit code 1. */
class NotWell extends Schema.TaggedError<NotWell>()("NotWell", { message: Schema.String }) {}

const WAYS = { documents: "by its metadata document", registration: "by dynamic registration" }

const probe = Effect.fnUntraced(function* (url: string, withLogin: boolean) {
  if (!URL.canParse(url) || !/^https?:/.test(url)) {
    return yield* new NotWell({ message: `${url} is not an http or https URL` })
  }
  const base = new URL(url).origin
  yield* Console.log(`${base}\n`)
  const diagnosis = yield* diagnose(base)
  for (const { title, ok, reason, fix } of diagnosis.findings) {
    yield* Console.log(ok ? `  ok    ${title}` : `  FAIL  ${title}: ${reason}\n        Fix: ${fix}`)
  }
  const verdicts = judge(diagnosis.findings)
  yield* Console.log("\nClients that link themselves, given the bare address of /mcp\n")
  for (const { client, by, obstacles } of verdicts) {
    const why = obstacles.map(({ title }) => title).join("; ")
    yield* Console.log(`  ${client.padEnd(14)} ${by === undefined ? `no: it needs "${why}"` : `yes, ${WAYS[by]}`}`)
  }
  if (withLogin) {
    yield* Console.log("\nA whole flow\n")
    yield* login(diagnosis)
  }
  const unable = verdicts.filter(({ by }) => by === undefined)
  return unable.length > 0 ? [`${unable.length} of ${verdicts.length} clients cannot link themselves`] : []
})

const doctor = Command.make(
  "doctor",
  {
    url: Argument.String("url").pipe(
      Argument.withDescription("where the server is, such as https://mcp.example"),
      Argument.optional
    ),
    login: Flag.Boolean("login").pipe(
      Flag.withDescription("walk a whole flow, in a browser, to a tool call"),
      Flag.withDefault(false)
    ),
    servers: Flag.Boolean("servers").pipe(
      Flag.withDescription("start the servers of gatehouse.json, and say what they offer"),
      Flag.withDefault(false)
    )
  },
  Effect.fn("doctor")(function* ({ url, login: withLogin, servers }) {
    if (Option.isNone(url) && !servers) {
      const errors = [new CliError.MissingArgument({ argument: "url" })]
      return yield* new CliError.ShowHelp({ commandPath: ["doctor"], errors })
    }
    const problems = Option.isSome(url) ? yield* probe(url.value, withLogin) : []
    const unwell = servers ? yield* checkServers : 0
    const all = [...problems, ...(unwell > 0 ? [`${unwell} of the servers cannot be used`] : [])]
    if (all.length > 0) return yield* new NotWell({ message: `\n${all.join("\n")}` })
  })
).pipe(Command.withDescription("Probes a deployment the way each client does"))

doctor.pipe(Command.run({ version }), Effect.provide(NodeServices.layer), runProgram)
