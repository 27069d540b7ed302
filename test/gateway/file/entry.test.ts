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
