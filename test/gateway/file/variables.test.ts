// biome-ignore-all lint/suspicious/noTemplateCurlyInString: variables are written so in these files
import { assert, describe, it } from "@effect/vitest"
import { Schema } from "effect"
import { isOurs } from "../../../src/config/environment.ts"
import { expanded } from "../../../src/gateway/file/variables.ts"

/** Texts in which all that means something here is likely. */
const Piece = Schema.Literals(["$", "{", "}", "A", "${A}", "${env:A}", ":-", "${directory}", "$${", "input:", " "])
const Text = Schema.Array(Piece)

const none = { lookUp: () => undefined, isOurs: () => false }

describe("variables", () => {
  it.prop("whatever is escaped comes out as it was, and asks for nothing", [Text], ([pieces]) => {
    const text = pieces.join("")
    const escaped = text.replaceAll(/\$(?=\{[^{}]*\})/g, "$$$$")
    const asked: Array<string> = []
    const lookUp = (name: string) => {
      asked.push(name)
      return undefined
    }
    assert.deepStrictEqual(expanded(escaped, { ...none, lookUp }), { text, problems: [] })
    assert.deepStrictEqual(asked, [])
  })

  it.prop("what is put in is not read once more, however it looks", [Text], ([pieces]) => {
    const value = `x${pieces.join("")}`
    const { text, problems } = expanded("<${A}>", { ...none, lookUp: () => value })
    assert.deepStrictEqual({ text, problems }, { text: `<${value}>`, problems: [] })
  })

  it("none of this server's own is looked up, in whatever spelling, with or without something in its stead", () => {
    for (const text of ["${DATABASE_URL}", "${env:SEALING_KEY}", "${EXA_API_KEY:-x}", "${OIDC_CORP_CLIENT_SECRET}"]) {
      const { problems } = expanded(text, { isOurs, lookUp: () => assert.fail(text) })
      assert.match(problems.join(), /is this server's own, and is not handed on$/)
    }
  })

  it("what is no variable is told, VS Code's inputs and commands too", () => {
    assert.match(expanded("${input:key}", none).problems.join(), /VS Code/)
    for (const text of ["${command:x}", "${}", "${a b}", "${1}", "${workspaceFolder:x}"]) {
      assert.match(expanded(text, none).problems.join(), /is no variable/, text)
    }
    assert.deepStrictEqual(expanded("${NAME}", none).problems, ["NAME is not set"])
    assert.deepStrictEqual(expanded("${NAME:-}", none), { text: "", problems: [] })
  })
})
