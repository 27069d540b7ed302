// biome-ignore-all lint/suspicious/noTemplateCurlyInString: variables are written so in these files
import { assert, describe, it } from "@effect/vitest"
import { Schema } from "effect"
import { isOurs } from "../../../src/config/environment.ts"
import { readJson } from "../../../src/gateway/file/json.ts"
import { mountName } from "../../../src/gateway/file/mounts.ts"
import { withoutSecrets } from "../../../src/gateway/file/secrets.ts"
import { faultsOf, unset, withEntries } from "../../../src/gateway/file/write.ts"

const Name = Schema.String.check(Schema.isPattern(/^[a-zA-Z0-9_-]{1,16}$/))
const Entries = Schema.Record(
  Name,
  Schema.Struct({ command: Schema.String, env: Schema.optionalKey(Schema.Record(Schema.String, Schema.String)) })
)

const serversIn = (text: string) => {
  const { value, problems } = readJson(text)
  assert.deepStrictEqual(problems, [])
  return (value as { readonly mcpServers: Readonly<Record<string, unknown>> }).mcpServers
}

describe("entries put into the file", () => {
  it.prop("are read as they were written, and those that were there stay", [Entries, Entries], ([before, after]) => {
    const file = withEntries(undefined, new Map(Object.entries(before)), false).text
    const { text, added, kept } = withEntries(file, new Map(Object.entries(after)), false)
    assert.deepStrictEqual(serversIn(text), { ...after, ...before })
    assert.sameMembers([...added, ...kept], Object.keys(after))
    const replaced = withEntries(file, new Map(Object.entries(after)), true)
    assert.deepStrictEqual(serversIn(replaced.text), { ...before, ...after })
    assert.deepStrictEqual(replaced.kept, [])
  })

  it("comments, order and spelling of what is there stay, to the letter", () => {
    const before = [
      "{",
      "  // ours",
      '  "mcpServers": {',
      '    "b": { "command": "b" } // second letter',
      "    // the end",
      "  },",
      '  "other": [1,2]',
      "}"
    ].join("\n")
    const { text } = withEntries(before, new Map([["a", { command: "a" }]]), false)
    const added = ',PLACE // second letter\n    "a": {\n      "command": "a"\n    }\n    // the end'
    assert.strictEqual(text, before.replace(" // second letter\n    // the end", added.replace("PLACE", "")))
    const trailing = before.replace(" // second", ", // second")
    assert.strictEqual(withEntries(trailing, new Map([["a", { command: "a" }]]), false).text, text)
  })

  it("in a file that is one line too", () => {
    for (const before of ['{"mcpServers":{"b":{}}}', '{"mcpServers":{"b":{},}}', '{"mcpServers":{}}', "{}", ""]) {
      const { text } = withEntries(before, new Map([["a", { command: "a" }]]), false)
      assert.deepStrictEqual(serversIn(text), { ...(before.includes("b") && { b: {} }), a: { command: "a" } }, before)
    }
  })

  it("an entry that is there under an odd name is the same one", () => {
    const before = JSON.stringify({ mcpServers: { "My Server": { command: "a" } } })
    const name = mountName("My Server")
    assert.deepStrictEqual(withEntries(before, new Map([[name, { command: "b" }]]), false).kept, [name])
    const same = new Map([["My Server", { command: "b" }]])
    assert.deepStrictEqual(withEntries(before, same, false).kept, ["My Server"])
    const { text } = withEntries(before, new Map([[name, { command: "b" }]]), true)
    assert.deepStrictEqual(serversIn(text), { "My Server": { command: "b" } })
  })

  it("a file that cannot be read, or holds something else, is left alone", () => {
    for (const text of ["{", "[]", '{"mcpServers": []}', "1"]) {
      const written = withEntries(text, new Map([["a", { command: "a" }]]), true)
      assert.isNotEmpty(written.problems, text)
      assert.strictEqual(written.text, text)
    }
  })

  it("what is wrong with an entry is told before it is written; a variable that is not set yet is no fault", () => {
    const entry = { command: "x", env: { A: "${LATER}" } }
    const of = (entry: Readonly<Record<string, unknown>>) => faultsOf(new Map([["a", entry]]), isOurs)
    assert.deepStrictEqual(of(entry), [])
    assert.deepStrictEqual(of({ url: "${ADDRESS}/mcp" }), [])
    assert.match(of({ url: "nowhere" }).join(), /mcpServers\.a\.url/)
    assert.match(of({ type: "sse", url: "https://x.example/sse" }).join(), /SSE transport is not spoken/)
    assert.match(of({ command: "x", args: ["${DATABASE_URL}"] }).join(), /not handed on/)
    assert.deepStrictEqual(
      unset([entry, { url: "${ADDRESS:-https://x.example}" }], { isOurs, lookUp: () => undefined }),
      ["LATER"]
    )
  })
})

describe("secrets in the open", () => {
  const names = { isOurs, isTaken: () => false }

  it("are found by what they are called, or how keys begin, and become variables", () => {
    const { found, entry } = withoutSecrets(
      "hub",
      {
        command: "x",
        args: ["--key=sk-0123456789abcdef0123", "--verbose"],
        env: {
          GITHUB_TOKEN: "0123456789abcdef",
          EXA_API_KEY: "0123456789abcdef",
          MODE: "quiet",
          URL: "https://x.example"
        },
        headers: { Authorization: "Bearer abcdefgh12345678", Accept: "text/plain" },
        url: "https://x.example/mcp?tools=a&apiKey=0123456789abcdef"
      },
      names
    )
    assert.deepStrictEqual(entry, {
      command: "x",
      args: ["--key=${HUB_KEY}", "--verbose"],
      env: {
        GITHUB_TOKEN: "${GITHUB_TOKEN}",
        EXA_API_KEY: "${MCP_EXA_API_KEY}",
        MODE: "quiet",
        URL: "https://x.example"
      },
      headers: { Authorization: "Bearer ${HUB_AUTHORIZATION}", Accept: "text/plain" },
      url: "https://x.example/mcp?tools=a&apiKey=${HUB_API_KEY}"
    })
    assert.sameMembers(
      found.map(({ at }) => at),
      ["args[0]", "env.GITHUB_TOKEN", "env.EXA_API_KEY", "headers.Authorization", "url"]
    )
  })

  it("a variable that has another value already is left alone", () => {
    const entry = { command: "x", env: { API_KEY: "0123456789abcdef" } }
    const { found } = withoutSecrets("hub", entry, { isOurs, isTaken: (name) => name === "API_KEY" })
    assert.deepStrictEqual(found, [{ at: "env.API_KEY", variable: "MCP_HUB_API_KEY", value: "0123456789abcdef" }])
  })

  it("what is a variable already, or short, or a path, is none", () => {
    const entry = { env: { API_KEY: "${API_KEY}", TOKEN: "none", KEY_FILE: "./keys/mine.pem" } }
    assert.deepStrictEqual(withoutSecrets("hub", entry, names), { found: [], entry })
  })
})
