import { assert, describe, it } from "@effect/vitest"
import { acceptedBy } from "../../src/web/accept.ts"

describe("Accept", () => {
  for (const [header, json, stream] of [
    ["application/json, text/event-stream", true, true],
    ["text/event-stream, application/json", true, true],
    [undefined, true, true],
    ["", true, true],
    ["*/*", true, true],
    // Java's own client.
    ["text/html, image/gif, image/jpeg, *; q=.2, */*; q=.2", true, true],
    ["application/*, text/*", true, true],
    ["APPLICATION/JSON", true, false],
    ["application/json; charset=utf-8;q=0.5", true, false],
    ["text/event-stream ; Q=1", false, true],
    ["application/json;q=0, */*;q=0.1", false, true],
    ["application/json, */*;q=0", true, false],
    ["text/html, application/xhtml+xml", false, false],
    ["application/jsonp, text/event-streams", false, false],
    ["*/*;q=0", false, false]
  ] as const) {
    it(`F12, MC6 ${header ?? "(absent)"}`, () => assert.deepStrictEqual(acceptedBy(header), { json, stream }))
  }
})
