// biome-ignore-all lint/suspicious/noTemplateCurlyInString: variables are written so in these files
import { assert, describe, it } from "@effect/vitest"
import { Duration, Redacted } from "effect"
import { mountName, readMounts } from "../../../src/gateway/file/mounts.ts"
import type { Mount } from "../../../src/gateway/mount.ts"

const ENV: Readonly<Record<string, string>> = { TOKEN: "s3cret", EMPTY: "" }
const variables = { lookUp: (name: string) => ENV[name], isOurs: (name: string) => name === "DATABASE_URL" }

const read = (servers: unknown) => readMounts(JSON.stringify({ mcpServers: servers }), "/srv/app", variables)
const one = (entry: unknown): Mount => {
  const { mounts, problems } = read({ it: entry })
  assert.deepStrictEqual(problems, [])
  return mounts[0] ?? assert.fail("there is none")
}
const problems = (entry: unknown) => read({ it: entry }).problems

/** With its secrets in the open. */
const plain = (values: Readonly<Record<string, Redacted.Redacted>>) =>
  Object.fromEntries(Object.entries(values).map(([name, value]) => [name, Redacted.value(value)]))

describe("an entry as everyone writes it", () => {
  it("a program: its arguments, environment and place, and a session for each person", () => {
    const mount = one({ command: "npx", args: ["-y", "./server.js", 3], env: { KEY: "${TOKEN}", N: 1 }, cwd: "data" })
    if (mount.transport._tag !== "Stdio") return assert.fail("it is no program")
    const { env, ...rest } = mount.transport
    assert.deepStrictEqual(rest, {
      _tag: "Stdio",
      command: "npx",
      args: ["-y", "/srv/app/server.js", "3"],
      cwd: "/srv/app/data"
    })
    assert.deepStrictEqual(plain(env), { KEY: "s3cret", N: "1" })
    const { session, auth, people, disabled, keep, title, origin } = mount
    assert.deepStrictEqual(
      { session, auth, people, disabled, keep, title, origin },
      { session: "person", auth: "none", people: "everyone", disabled: false, keep: false, title: "it", origin: "file" }
    )
    assert.deepStrictEqual([mount.idle, mount.timeout].map(Duration.toSeconds), [600, 55])
  })

  it("a server with a url, in every client's spelling: one session for all, each person's own where they sign in", () => {
    const url = "https://mcp.example.com/mcp"
    for (const entry of [
      { url },
      { type: "http", url },
      { type: "streamable-http", url },
      { transport: "streamableHttp", url },
      { serverUrl: url },
      { httpUrl: url }
    ]) {
      const { transport, session, auth } = one(entry)
      assert.deepStrictEqual(
        { transport, session, auth },
        {
          transport: { _tag: "Http", url, headers: {}, mayBePrivate: true },
          session: "shared",
          auth: "none"
        }
      )
    }
    assert.strictEqual(one({ url, headers: { Authorization: "Bearer ${TOKEN}" } }).auth, "headers")
    assert.deepStrictEqual([one({ url, oauth: {} }).auth, one({ url, oauth: {} }).session], ["oauth", "person"])
  })

  it("comments and commas that are one too many are no mistake", () => {
    const text = `{ // servers\n "mcpServers": { "it": { "command": "a", }, }, }`
    assert.deepStrictEqual(readMounts(text, "/", variables).problems, [])
  })

  it("tools: a list, or rules; what is false is not offered", () => {
    assert.deepStrictEqual([...(one({ command: "a", tools: ["x"] }).tools ?? [])], [["x", {}]])
    const rule = { alias: "ex", scope: { name: "x.read", sentence: "Read x." }, hints: { readOnly: true } }
    assert.deepStrictEqual(
      [...(one({ command: "a", tools: { x: rule, y: true, z: false } }).tools ?? [])],
      [
        ["x", rule],
        ["y", {}]
      ]
    )
  })

  it("times: seconds below a thousand, milliseconds from there on, or words", () => {
    const of = (timeout: unknown) => Duration.toMillis(one({ command: "a", timeout }).timeout)
    assert.deepStrictEqual([of(30), of(30_000), of("2 minutes")], [30_000, 30_000, 120_000])
  })

  it("variables with a default, VS Code's spelling, the child's own folder, and what is no variable", () => {
    const { transport } = one({
      command: "a",
      args: ["${NONE:-b}", "${EMPTY:-c}", "${env:TOKEN}", "${directory}/d", "$${TOKEN}", "$TOKEN"]
    })
    assert.deepStrictEqual(transport._tag === "Stdio" ? transport.args : [], [
      "b",
      "c",
      "s3cret",
      "${directory}/d",
      "${TOKEN}",
      "$TOKEN"
    ])
  })

  it("is another whenever anything of it is another, a secret too", () => {
    const entry = { command: "a", env: { KEY: "1" }, tools: { x: { alias: "ex" } } }
    assert.strictEqual(one(entry).fingerprint, one(structuredClone(entry)).fingerprint)
    assert.notStrictEqual(one(entry).fingerprint, one({ ...entry, env: { KEY: "2" } }).fingerprint)
    assert.notStrictEqual(one(entry).fingerprint, one({ ...entry, tools: { x: { alias: "ey" } } }).fingerprint)
  })

  it("a long or odd name gets a readable one, and stays its title", () => {
    assert.strictEqual(mountName("memory"), "memory")
    assert.match(mountName("@modelcontextprotocol/server-everything"), /^server-ever-[0-9a-f]{4}$/)
    assert.match(mountName("日本"), /^server-[0-9a-f]{4}$/)
    assert.notStrictEqual(mountName("my server.1"), mountName("my server 1"))
    const { mounts } = read({ "My Server": { command: "a" } })
    assert.deepStrictEqual(
      mounts.map(({ title }) => title),
      ["My Server"]
    )
  })
})

describe("what is wrong is told at once, with its path", () => {
  it("in every entry of the file", () => {
    assert.deepStrictEqual(
      read({
        a: { command: "x", env: { KEY: "${NOT_SET}" }, timeot: 3 },
        b: { url: "ftp://x" },
        c: { command: "x", url: "https://x.example" },
        d: 1,
        e: { type: "sse", url: "https://x.example/sse" }
      }).problems,
      [
        "mcpServers.a.timeot: did you mean timeout?",
        "mcpServers.a.env.KEY: NOT_SET is not set",
        "mcpServers.b.url: is no http or https address",
        "mcpServers.c: has a command and a url: it can be but one",
        "mcpServers.d: must be an object",
        'mcpServers.e.type: "sse" the older SSE transport is not spoken: most such servers have /mcp too; write stdio or http'
      ]
    )
  })

  it("this server's own variables are nobody else's", () => {
    assert.deepStrictEqual(problems({ command: "a", env: { DB: "${DATABASE_URL}" } }), [
      "mcpServers.it.env.DB: DATABASE_URL is this server's own, and is not handed on"
    ])
  })

  it("what could be read on the way, or is not where it belongs", () => {
    assert.deepStrictEqual(problems({ url: "http://mcp.example.com" }), [
      "mcpServers.it.url: must be https: what is said to it could be read on the way"
    ])
    assert.deepStrictEqual(problems({ url: "http://192.168.1.2:3000/mcp" }), [])
    assert.deepStrictEqual(problems({ url: "https://a:b@x.example" }), [
      "mcpServers.it.url: must not hold a password: write a header"
    ])
    assert.deepStrictEqual(problems({ command: "a", auth: "oauth" }), [
      "mcpServers.it.auth: people sign in only at a server with a url"
    ])
    assert.deepStrictEqual(problems({ url: "https://x.example", auth: "oauth", headers: { authorization: "x" } }), [
      "mcpServers.it.headers.Authorization: is each person's own where people sign in"
    ])
  })

  it("in the JSON itself: by line, and names that stand there twice", () => {
    const of = (text: string) => readMounts(text, "/", variables).problems
    assert.match(of('{"mcpServers": {\n  "a" 1}}')[0] ?? "", /^line 2, column \d+: colon expected$/)
    assert.deepStrictEqual(of('{"mcpServers": {"a": {"command": "x"}, "a": {"command": "y"}}}'), [
      "mcpServers.a: stands there twice"
    ])
    assert.match(of('{"servers": {}}')[0] ?? "", /npm run add < mcp.json/)
  })

  it("nothing of what is switched off is missing", () => {
    assert.deepStrictEqual(problems({ command: "a", env: { KEY: "${NOT_SET}" }, disabled: true }), [])
  })
})
