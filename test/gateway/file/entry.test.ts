import { assert, describe, it } from "@effect/vitest"
import { Redacted } from "effect"
import { readMounts } from "../../../src/gateway/file/mounts.ts"

const read = (entry: unknown, lookUp: (name: string) => string | undefined = () => undefined) =>
  readMounts(JSON.stringify({ mcpServers: { it: entry } }), "/srv", { lookUp, isOurs: () => false })
const problems = (entry: unknown) => read({ command: "x", ...(entry as object) }).problems.map((one) => one.slice(13))

describe("what an entry says of itself alone", () => {
  it("is told where it is wrong, in words, and never with what stands there", () => {
    for (const [entry, problem] of [
      [{ env: { TOKEN: ["s3cret"] } }, ".env.TOKEN: must be text"],
      [{ session: "s3cret" }, '.session: must be "shared", "person" or "chat"'],
      [{ auth: "s3cret" }, '.auth: must be "none", "headers" or "oauth"'],
      [{ people: "s3cret" }, '.people: must be "everyone", "owner" or a list of e-mail addresses'],
      [{ people: ["s3cret"] }, ".people[0]: is no e-mail address"],
      [{ timeout: -1 }, '.timeout: is no time: write seconds, or words such as "30 seconds"'],
      [{ idle: "s3cret" }, '.idle: is no time: write seconds, or words such as "30 seconds"'],
      [{ tools: "s3cret" }, ".tools: must be a list of tools, or an object of them"],
      [{ tools: { a: { alias: "s3 cret" } } }, ".tools.a.alias: has at most 64 letters, digits, _ and -"]
    ] as const) {
      assert.deepStrictEqual(problems(entry), [problem])
    }
  })

  it("a rule of ours that is misspelt is told: it would rule nothing", () => {
    assert.deepStrictEqual(problems({ tools: { a: { scop: { name: "a", sentence: "A." } } } }), [
      ".tools.a.scop: is not known here"
    ])
    assert.deepStrictEqual(problems({ tools: { a: { hints: { readonly: true } } } }), [
      ".tools.a.hints.readonly: is not known here"
    ])
    assert.include(problems({ oauth: { clientID: "x" } }), ".oauth.clientID: is not known here")
    for (const name of ["sesion", "timeOut", "disabledTool", "Env", "comand"]) {
      assert.match(problems({ [name]: "x" }).join(), /did you mean/, name)
    }
    assert.deepStrictEqual(problems({ autoApprove: ["a"], icon: "x", tags: [], somethingElse: 1 }), [])
  })

  it("what is wrong in one member keeps nothing of the others back", () => {
    // biome-ignore lint/suspicious/noTemplateCurlyInString: variables are written so in these files
    const found = problems({ session: "all", timeout: -1, args: ["${NOT_SET}"] })
    assert.deepStrictEqual(
      found.map((problem) => problem.split(":")[0]),
      [".session", ".args[0]", ".timeout"]
    )
  })
})

describe("tools that are not offered", () => {
  const of = (entry: object) => {
    const { mounts, problems } = read({ command: "x", ...entry })
    assert.deepStrictEqual(problems, [])
    return { tools: mounts[0]?.tools && [...mounts[0].tools.keys()], except: mounts[0]?.except }
  }

  it("in every client's spelling; where nothing else is said, all the others are", () => {
    const expected = { tools: undefined, except: ["delete"] }
    assert.deepStrictEqual(of({ disabledTools: ["delete"] }), expected)
    assert.deepStrictEqual(of({ excludeTools: ["delete"] }), expected)
    assert.deepStrictEqual(of({ tools: { delete: false } }), expected)
    assert.deepStrictEqual(of({ tools: ["read"], disabledTools: ["delete"] }), { tools: ["read"], except: ["delete"] })
    assert.deepStrictEqual(of({ includeTools: ["read"] }), { tools: ["read"], except: undefined })
    assert.deepStrictEqual(of({ tools: [] }), { tools: [], except: undefined })
  })

  it("are part of what makes a mount another one", () => {
    const fingerprint = (entry: object) => read({ command: "x", ...entry }).mounts[0]?.fingerprint
    assert.notStrictEqual(fingerprint({ disabledTools: ["a"] }), fingerprint({ disabledTools: ["b"] }))
  })
})

describe("a server that is switched off", () => {
  it("need not have what it needs, in either spelling, but must be written well", () => {
    // biome-ignore lint/suspicious/noTemplateCurlyInString: variables are written so in these files
    const env = { KEY: "${NOT_SET}" }
    assert.deepStrictEqual(problems({ env, disabled: true }), [])
    assert.deepStrictEqual(problems({ env, enabled: false }), [])
    assert.deepStrictEqual(problems({ env }), [".env.KEY: NOT_SET is not set"])
    assert.isNotEmpty(problems({ env, disabled: true, sesion: "person" }))
  })
})

describe("an address", () => {
  const at = (url: string) => read({ url }).problems.join()

  it("is https, or in a network of one's own, and not one that only looks like it", () => {
    for (const url of [
      "https://mcp.example.com/mcp",
      ...["localhost", "127.0.0.1", "10.1.2.3", "192.168.1.2:3000", "172.16.0.1", "[::1]", "[fd00::1]"].map(
        (host) => `http://${host}/mcp`
      ),
      ...["exa-mcp", "mcp.internal", "box.lan"].map((host) => `http://${host}/mcp`)
    ]) {
      assert.strictEqual(at(url), "", url)
    }
    for (const host of ["10.example.com", "127.0.0.1.example.com", "8.8.8.8", "172.32.0.1", "[2606:4700::1]"]) {
      assert.match(at(`http://${host}/mcp`), /must be https/, host)
    }
    for (const url of ["ftp://x", "file:///etc/passwd", "javascript:1", "x"]) {
      assert.match(at(url), /is no http or https address/, url)
    }
  })

  it("a header that no request may have is told before it is one, without what stands in it", () => {
    const of = (headers: object) => read({ url: "https://x.example", headers }).problems.join()
    assert.strictEqual(of({ "X-Key": "a b", Authorization: "Bearer x" }), "")
    assert.match(of({ "X Key": "a" }), /headers\.X Key: is no name of a header$/)
    assert.match(of({ Host: "other.example" }), /is said by this server itself$/)
    assert.match(of({ "mcp-session-id": "a" }), /is said by this server itself$/)
    const broken = of({ "X-Key": "s3cret\r\nHost: other" })
    assert.match(broken, /holds a character that no header may have$/)
    assert.notInclude(broken, "s3cret")
  })
})

describe("a program", () => {
  it("is told nothing that no program can be told", () => {
    assert.match(problems({ args: ["a\0b"] }).join(), /^\.args\[0\]: holds a character/)
    assert.match(problems({ env: { "A=B": "x" } }).join(), /is no name of a variable$/)
  })
})

describe("a file that is meant to break its reader", () => {
  it("is refused in words: too deep, or named like what all objects have", () => {
    for (const text of ["[".repeat(200_000), '{"a":'.repeat(200_000), `{"mcpServers":${"[".repeat(100_000)}`]) {
      assert.deepStrictEqual(readMounts(text, "/", { lookUp: () => undefined, isOurs: () => false }).problems, [
        "is nested too deeply"
      ])
    }
    const text = '{"mcpServers": {"__proto__": {"command": "x", "env": {"__proto__": "y"}, "constructor": 1}}}'
    const { mounts, problems } = readMounts(text, "/", { lookUp: () => undefined, isOurs: () => false })
    assert.deepStrictEqual(problems, [])
    assert.deepStrictEqual(
      mounts.map(({ title, name }) => [title, /^proto-[0-9a-f]{4}$/.test(name)]),
      [["__proto__", true]]
    )
  })

  it("a name of any length is cut where it is a title", () => {
    const servers = { ["n".repeat(500)]: { command: "x" } }
    const { mounts } = readMounts(JSON.stringify({ mcpServers: servers }), "/", {
      lookUp: () => undefined,
      isOurs: () => false
    })
    assert.strictEqual(mounts[0]?.title.length, 80)
  })
})

describe("secrets", () => {
  it("are put in and kept out of sight", () => {
    // biome-ignore lint/suspicious/noTemplateCurlyInString: variables are written so in these files
    const { mounts } = read({ url: "https://x.example", headers: { "X-Key": "k ${KEY}" } }, () => "s3cret")
    assert.notInclude(JSON.stringify(mounts), "s3cret")
    const transport = mounts[0]?.transport
    const header = transport?._tag === "Http" ? transport.headers["X-Key"] : undefined
    assert.strictEqual(header && Redacted.value(header), "k s3cret")
  })
})
