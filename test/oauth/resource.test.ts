import { assert, describe, it } from "@effect/vitest"
import { isResource, metadataOf, resourceFor, resourceNames } from "../../src/oauth/resource.ts"

const local = { issuer: "http://localhost:3000", isLocal: true, port: 3000 }
const behindProxy = { issuer: "http://localhost:8080", isLocal: true, port: 3000 }
const open = { issuer: "https://mcp.example", isLocal: false, port: 3000 }
const at = (host: string | undefined, url = "/mcp") => ({ url, headers: host === undefined ? {} : { host } })

describe("the names of the resource", () => {
  it("F6, F17 each has metadata of its own, and they are ours alone", () => {
    assert.deepStrictEqual(resourceNames(open), ["https://mcp.example/mcp", "https://mcp.example/mcp/"])
    assert.sameMembers(
      [...resourceNames(local)],
      ["localhost", "127.0.0.1", "[::1]"].flatMap((host) => [`http://${host}:3000/mcp`, `http://${host}:3000/mcp/`])
    )
    assert.strictEqual(
      metadataOf("http://127.0.0.1:3000/mcp/"),
      "http://127.0.0.1:3000/.well-known/oauth-protected-resource/mcp/"
    )
  })

  it("F17, MD3 a Host chooses among them, and nothing else of it counts", () => {
    assert.strictEqual(resourceFor(local, at("127.0.0.1:3000")), "http://127.0.0.1:3000/mcp")
    assert.strictEqual(resourceFor(local, at("[::1]:3000", "/mcp/?x=/y")), "http://[::1]:3000/mcp/")
    assert.strictEqual(resourceFor(local, at("LOCALHOST:3000")), "http://localhost:3000/mcp")
    assert.strictEqual(resourceFor(local, at("127.0.0.1:4000")), undefined)
    assert.strictEqual(resourceFor(local, at("evil.example:3000")), "http://localhost:3000/mcp")
    assert.strictEqual(resourceFor(behindProxy, at("127.0.0.1:3000")), "http://localhost:8080/mcp")
    assert.strictEqual(resourceFor(behindProxy, at("127.0.0.1:8080")), "http://127.0.0.1:8080/mcp")
    for (const host of ["127.0.0.1", "localhost:3000", "other.example", "a b", "x:99999", undefined]) {
      assert.strictEqual(resourceFor(open, at(host)), "https://mcp.example/mcp", host)
    }
  })

  it("F17 a client may ask for any of them, and for no other", () => {
    for (const name of ["/mcp", "/mcp/", "", "/"]) {
      assert.isTrue(isResource(open, `https://mcp.example${name}`), name)
      assert.isTrue(isResource(local, `http://127.0.0.1:3000${name}`), name)
      assert.isFalse(isResource(open, `http://127.0.0.1:3000${name}`), name)
      assert.isFalse(isResource(local, `http://127.0.0.1:3001${name}`), name)
      assert.isFalse(isResource(local, `https://127.0.0.1:3000${name}`), name)
    }
    for (const name of ["/mcp//", "/mcp-other", "/MCP", "/mcp?x", "/mcp#x", "//"]) {
      assert.isFalse(isResource(local, `http://localhost:3000${name}`), name)
    }
  })
})
