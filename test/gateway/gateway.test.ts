import { assert, describe, it, layer } from "@effect/vitest"
import { Effect } from "effect"
import { Catalogue } from "../../src/gateway/catalogue/Catalogue.ts"
import { MountStatus } from "../../src/gateway/catalogue/MountStatus.ts"
import { messageOf, rpc } from "../support/client.ts"
import { entryOf, known, Mounting, mountedApp, resultOf, tokenOf, until } from "../support/mountedApp.ts"
import { asked, ERAS } from "../support/ownTools.ts"
import { browserOf, somebody, visitPage } from "../support/people.ts"

const ALL = ["mcp.tools.call", "mcp.everything", "mcp.memory"]
const toolsOf = (token: string) =>
  Effect.map(
    rpc(token, "tools/list"),
    (answer): ReadonlyArray<Readonly<Record<string, unknown>>> => messageOf(answer).result.tools
  )
const namesOf = (token: string) => Effect.map(toolsOf(token), (tools) => tools.map(({ name }) => name))

// biome-ignore lint/suspicious/noTemplateCurlyInString: it is what people write
const MEMORY = { MEMORY_FILE_PATH: "${directory}/memory.json" }

layer(
  mountedApp(() => ({
    everything: { ...entryOf("everything"), title: "Everything" },
    memory: { ...entryOf("memory", [], { env: MEMORY }), title: "Memory", keep: true },
    closed: { ...entryOf("sequential-thinking"), people: "owner" },
    broken: { command: "/there/is/no/such/program" }
  })),
  { timeout: "3 minutes", excludeTestServices: true }
)("servers behind this one", (it) => {
  it.effect("are listed with their tools, and each with a permission of its own that a sentence tells", () =>
    Effect.gen(function* () {
      yield* known("everything", "memory", "closed")
      const token = yield* tokenOf("demo", ALL)
      const tools = yield* toolsOf(token)
      const echo = tools.find(({ name }) => name === "everything__echo") ?? assert.fail("there is no echo")
      assert.deepInclude(echo, {
        title: "Echo Tool",
        description: "Echoes back the input string",
        securitySchemes: [{ type: "oauth2", scopes: ["mcp.tools.call", "mcp.everything"] }]
      })
      assert.include(
        tools.map(({ name }) => name),
        "memory__read_graph"
      )
      assert.include(
        tools.map(({ name }) => name),
        "calculator"
      )
    })
  )

  for (const era of ERAS) {
    it.effect(`are called in the era of ${era}: words, data, pictures, progress, a failure of theirs`, () =>
      Effect.gen(function* () {
        yield* known("everything")
        const token = yield* tokenOf("demo", ALL)
        const called = (name: string, args: object = {}, meta: object = {}) =>
          asked(token, era, "tools/call", { name: `everything__${name}`, arguments: args }, { meta: { ...meta } })
        assert.deepStrictEqual((yield* called("echo", { message: "hello" })).result.content, [
          { type: "text", text: "Echo: hello" }
        ])
        const { structuredContent } = (yield* called("get-structured-content", { location: "Chicago" })).result
        assert.isNumber(structuredContent.temperature)
        const { content } = (yield* called("get-tiny-image")).result
        assert.deepStrictEqual(
          content.map(({ type }: { type: string }) => type),
          ["text", "image", "text"]
        )
        const wrong = (yield* called("get-sum", { a: 1 })).result
        assert.isTrue(wrong.isError)
        assert.strictEqual(wrong.content[0].text, 'The arguments are not valid: does not have required property "b".')
      })
    )

    it.effect(`tell their progress in the era of ${era}, by the caller's own token`, () =>
      Effect.gen(function* () {
        yield* known("everything")
        const token = yield* tokenOf("demo", ALL)
        const params = {
          name: "everything__trigger-long-running-operation",
          arguments: { duration: 0.2, steps: 4 }
        }
        const { text } = yield* rpc(token, "tools/call", { ...params, _meta: { progressToken: "mine" } })
        const steps = [...text.matchAll(/^data: (.+)$/gm)]
          .map(([, data = ""]) => JSON.parse(data))
          .filter(({ method }) => method === "notifications/progress")
          .map(({ params }) => params)
        assert.deepStrictEqual(
          steps.map(({ progress, total, progressToken }) => [progress, total, progressToken]),
          [1, 2, 3, 4].map((step) => [step, 4, "mine"])
        )
      })
    )
  }

  it.effect("have prompts, documents, templates and suggestions", () =>
    Effect.gen(function* () {
      yield* known("everything")
      const token = yield* tokenOf("demo", ALL)
      const get = (method: string, params: object = {}) =>
        Effect.map(rpc(token, method, params), (answer) => messageOf(answer).result)
      const { prompts } = yield* get("prompts/list")
      assert.include(
        prompts.map(({ name }: { name: string }) => name),
        "everything__args-prompt"
      )
      const prompt = yield* get("prompts/get", { name: "everything__args-prompt", arguments: { city: "Paris" } })
      assert.include(prompt.messages[0].content.text, "Paris")
      const { resources } = yield* get("resources/list")
      const [uri] = resources.map(({ uri }: { uri: string }) => uri).filter((uri: string) => uri.startsWith("demo:"))
      const read = yield* get("resources/read", { uri })
      assert.strictEqual(read.contents[0].uri, uri)
      const { resourceTemplates } = yield* get("resources/templates/list")
      assert.include(
        resourceTemplates.map(({ uriTemplate }: { uriTemplate: string }) => uriTemplate),
        "demo://resource/dynamic/text/{resourceId}"
      )
      const dynamic = yield* get("resources/read", { uri: "demo://resource/dynamic/text/7" })
      assert.include(dynamic.contents[0].text, "Resource 7")
      const { completion } = yield* get("completion/complete", {
        ref: { type: "ref/prompt", name: "everything__completable-prompt" },
        argument: { name: "department", value: "E" }
      })
      assert.deepStrictEqual(completion.values, ["Engineering"])
    })
  )

  it.effect("that a person left out are refused, tools and documents alike", () =>
    Effect.gen(function* () {
      yield* known("everything", "memory")
      const token = yield* tokenOf("demo", ["mcp.tools.call", "mcp.memory"])
      const barred = yield* rpc(token, "tools/call", { name: "everything__echo", arguments: { message: "a" } })
      assert.strictEqual(barred.status, 403)
      assert.include(barred.headers.get("www-authenticate") ?? "", 'scope="mcp.tools.call mcp.memory mcp.everything"')
      assert.strictEqual((yield* rpc(token, "prompts/get", { name: "everything__simple-prompt" })).status, 403)
      const template = yield* rpc(token, "resources/read", { uri: "demo://resource/dynamic/text/7" })
      assert.include(messageOf(template).error.message, "mcp.everything")
      assert.isUndefined((yield* resultOf(token, "memory__read_graph")).isError)
    })
  )

  it.effect("keep each person's state to that person, however many ask at once", () =>
    Effect.gen(function* () {
      yield* known("memory")
      const ada = yield* somebody("Ada")
      const eve = yield* somebody("Eve", "member")
      const people = yield* Effect.forEach([ada, eve], ({ id, name }) =>
        Effect.map(tokenOf(id, ALL), (token) => ({ name, token }))
      )
      // One after the other for each: the server itself loses what two write at once.
      const remember = ({ name, token }: (typeof people)[number], index: number) =>
        resultOf(token, "memory__create_entities", {
          entities: [{ name: `${name} ${index}`, entityType: "secret", observations: [`of ${name}`] }]
        })
      yield* Effect.forEach(
        people,
        (person) => Effect.forEach(Array.from({ length: 20 }).keys(), (index) => remember(person, index)),
        { concurrency: "unbounded" }
      )
      for (const { name, token } of people) {
        const { structuredContent } = yield* resultOf(token, "memory__read_graph")
        const other = name === "Ada" ? "Eve" : "Ada"
        assert.notInclude(JSON.stringify(structuredContent), other)
        assert.lengthOf(structuredContent.entities, 20)
      }
      // The owner sees who uses what.
      const { cookie } = yield* browserOf(ada.id)
      const page = yield* visitPage("/admin/servers", cookie)
      const table = page.text.slice(page.text.indexOf("Sessions with Memory")).split("</table>")[0] ?? ""
      for (const name of ["Ada", "Eve"]) assert.match(table, new RegExp(`>${name}<`))
      // Those that are open to an owner alone are there for her, and for nobody else.
      const [first, second] = people
      assert.include(yield* namesOf(first?.token ?? ""), "closed__sequentialthinking")
      assert.notInclude(yield* namesOf(second?.token ?? ""), "closed__sequentialthinking")
      const tried = yield* rpc(yield* tokenOf(eve.id, ["mcp.tools.call", "mcp.closed"]), "tools/call", {
        name: "closed__sequentialthinking",
        arguments: {}
      })
      assert.include(messageOf(tried).error.message, "closed__sequentialthinking")
    })
  )

  it.effect("that do not start are told so, and slow nobody down", () =>
    Effect.gen(function* () {
      yield* known("everything")
      const { sessions, mounts, recheck } = yield* MountStatus
      const broken = mounts().find(({ name }) => name === "broken") ?? assert.fail("it is not there")
      const error = yield* Effect.flip(recheck(broken))
      assert.match(error.message, /^broken did not start: its program, or the folder that it works in, was not found/)
      assert.notInclude(
        (yield* sessions).map(({ mount, state }) => `${mount} ${state}`),
        "broken up"
      )
    })
  )
})

describe("a change of the file", () => {
  it.live(
    "starts what is new, ends what is gone, leaves alone what stayed; a bad file keeps the last good one",
    () =>
      Effect.gen(function* () {
        const { write } = yield* Mounting
        const { sessions, mounts } = yield* MountStatus
        const { current } = yield* Catalogue
        yield* known("everything")
        const token = yield* tokenOf("demo", ["mcp.tools.call", "mcp.everything", "mcp.thinking"])
        yield* resultOf(token, "everything__echo", { message: "a" })
        const pids = Effect.map(sessions, (all) => all.map(({ mount, pid }) => `${mount} ${pid}`))
        const before = yield* pids

        write({ everything: 5 })
        write({ everything: entryOf("everything"), thinking: entryOf("sequential-thinking") })
        yield* known("everything", "thinking")
        assert.includeMembers([...(yield* pids)], [...before])
        const answer = yield* until(
          Effect.map(
            resultOf(token, "thinking__sequentialthinking", {
              thought: "a",
              nextThoughtNeeded: false,
              thoughtNumber: 1,
              totalThoughts: 1
            }),
            (result) => (result?.isError === true ? undefined : result)
          )
        )
        assert.isArray(answer.content)

        write({ thinking: { ...entryOf("sequential-thinking"), title: "Thoughts" } })
        yield* until(Effect.sync(() => mounts().some(({ title }) => title === "Thoughts")))
        yield* until(Effect.map(pids, (now) => !now.some((one) => before.includes(one))))
        assert.notInclude(yield* namesOf(token), "everything__echo")
        // What is known of it is not forgotten: it may come back.
        assert.isTrue(current().entries.has("everything"))

        write({ thinking: { command: 7 } })
        write({ thinking: { ...entryOf("sequential-thinking"), title: "Thoughts again" } })
        yield* until(Effect.sync(() => mounts().some(({ title }) => title === "Thoughts again")))
      }).pipe(Effect.provide(mountedApp(() => ({ everything: entryOf("everything") })))),
    { timeout: 120_000 }
  )
})
