// biome-ignore-all lint/suspicious/noTemplateCurlyInString: variables are written so in these files
import { assert, describe, it } from "@effect/vitest"
import { isOurs } from "../../../src/config/environment.ts"
import { nameOfCommand, nameOfUrl } from "../../../src/gateway/file/guess.ts"
import { importServers } from "../../../src/gateway/file/import.ts"

const read = (file: unknown) => importServers(typeof file === "string" ? file : JSON.stringify(file), isOurs)
const entries = (file: unknown) => {
  const { entries, problems } = read(file)
  assert.deepStrictEqual(problems, [])
  return Object.fromEntries(entries)
}

const STDIO = { command: "node", args: ["server.js"], env: { MODE: "quiet" } }

describe("servers of other clients' files", () => {
  it("are found wherever a client keeps them", () => {
    for (const file of [
      { mcpServers: { one: STDIO } },
      { servers: { one: { type: "stdio", ...STDIO } } },
      { mcp: { servers: { one: STDIO } }, "editor.fontSize": 12 },
      { context_servers: { one: STDIO } },
      { one: STDIO },
      '{ // settings\n "mcpServers": { "one": { "command": "node", "args": ["server.js"], "env": { "MODE": "quiet" }, }, }, }'
    ]) {
      assert.deepStrictEqual(entries(file), { one: STDIO }, JSON.stringify(file))
    }
    for (const file of [{}, [], { servers: [] }, { one: { name: "x" } }, { mcpServers: {} }, "{", ""]) {
      assert.isNotEmpty(read(file).problems, JSON.stringify(file))
    }
  })

  it("an address in each spelling; the older SSE transport is not passed over", () => {
    const url = "https://mcp.example.com/mcp"
    for (const entry of [{ url }, { serverUrl: url }, { httpUrl: url }, { type: "streamable-http", url }]) {
      assert.deepStrictEqual(entries({ mcpServers: { one: entry } }), { one: { url } })
    }
    assert.deepStrictEqual(entries({ mcpServers: { one: { type: "sse", url } } }), { one: { url, type: "sse" } })
  })

  it("VS Code's inputs become variables, with its words for them", () => {
    const { entries, needs } = read({
      inputs: [{ type: "promptString", id: "github-token", description: "GitHub token", password: true }],
      servers: {
        one: { command: "x", env: { TOKEN: "${input:github-token}", HOME_OF: "${userHome}", T: "${env:OTHER}" } },
        two: { url: "https://x.example", headers: { Authorization: "Bearer ${input:github-token}" } }
      }
    })
    assert.deepStrictEqual(entries.get("one"), {
      command: "x",
      env: { TOKEN: "${GITHUB_TOKEN}", HOME_OF: "${HOME}", T: "${OTHER}" }
    })
    assert.deepStrictEqual(entries.get("two")?.headers, { Authorization: "Bearer ${GITHUB_TOKEN}" })
    assert.deepStrictEqual(needs, [{ name: "GITHUB_TOKEN", where: "GitHub token" }])
  })

  it("a variable that is this server's own gets another name, since it is not handed on", () => {
    const { entries, needs, notes } = read({
      servers: { exa: { command: "x", env: { EXA_API_KEY: "${input:exa_api_key}", DB: "${DATABASE_URL:-none}" } } },
      inputs: []
    })
    assert.deepStrictEqual(entries.get("exa")?.env, {
      EXA_API_KEY: "${MCP_EXA_API_KEY}",
      DB: "${MCP_DATABASE_URL:-none}"
    })
    assert.deepStrictEqual(
      needs.map(({ name }) => name),
      ["MCP_EXA_API_KEY", "MCP_DATABASE_URL"]
    )
    assert.include(notes[0], "EXA_API_KEY is this server's own variable")
  })

  it("what is written so that it is no variable stays so", () => {
    const { env } = entries({ one: { command: "x", env: { A: "$${DATABASE_URL}", B: "$5", C: "${" } } }).one ?? {}
    assert.deepStrictEqual(env, { A: "$${DATABASE_URL}", B: "$5", C: "${" })
  })

  it("what is switched off stays off, and what somebody relies on is missed aloud", () => {
    const { entries, notes } = read({
      mcpServers: {
        one: { command: "x", disabled: true, disabledTools: ["delete"], autoApprove: ["read"], gallery: true },
        two: { command: "x", enabled: false, alwaysAllow: [], envFile: ".env.local" }
      }
    })
    assert.deepStrictEqual(entries.get("one"), { command: "x", disabled: true, disabledTools: ["delete"] })
    assert.deepStrictEqual(entries.get("two"), { command: "x", disabled: true })
    assert.deepStrictEqual(
      notes.map((note) => note.split(" was")[0]),
      ["one: autoApprove", "two: envFile"]
    )
  })

  it("a long or odd name gets a readable one, and stays the title", () => {
    const [[name, entry] = []] = read({ mcpServers: { "My Files & Notes": STDIO } }).entries
    assert.match(name ?? "", /^my-files-no-[0-9a-f]{4}$/)
    assert.deepStrictEqual(entry, { title: "My Files & Notes", ...STDIO })
  })

  it("Zed's older form, where the command holds its arguments", () => {
    assert.deepStrictEqual(
      entries({ context_servers: { one: { command: { path: "node", args: ["server.js"], env: { MODE: "quiet" } } } } }),
      { one: STDIO }
    )
  })

  it("one that is no entry is told, by its name", () => {
    assert.deepStrictEqual(read({ mcpServers: { one: 1 } }).problems, ["one: must be an object"])
  })
})

describe("what a server is called that was only pointed at", () => {
  it("by its host, without what all hosts of servers have", () => {
    for (const [url, name] of [
      ["https://mcp.example.com/mcp", "example"],
      ["https://example.com/mcp", "example"],
      ["https://api.neon.tech", "neon"],
      ["http://localhost:3001/mcp", "local"],
      ["http://127.0.0.1:3001/mcp", "server"]
    ] as const) {
      assert.strictEqual(nameOfUrl(new URL(url)), name, url)
    }
  })

  it("by the package, image or file of its command", () => {
    for (const [command, name] of [
      ["npx -y @modelcontextprotocol/server-memory@2026.8.31", "memory"],
      ["npx @playwright/mcp@latest --headless", "playwright"],
      ["node ./node_modules/@playwright/mcp/cli.js", "playwright"],
      ["uvx kagimcp==1.0.2", "kagimcp"],
      ["uvx mcp-server-qdrant", "qdrant"],
      ["node build/index.js", "server"],
      ["/usr/local/bin/notes --verbose", "notes"]
    ] as const) {
      assert.strictEqual(nameOfCommand(command.split(" ")), name, command)
    }
  })
})
