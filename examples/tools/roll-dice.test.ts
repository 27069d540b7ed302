// tools/roll-dice.test.ts
import { call } from "gatehouse-server/testing"
import { expect, test } from "vitest"
import rollDice from "./roll-dice.ts"

test("rolls as many dice as it is asked for", async () => {
  const { structuredContent } = await call(rollDice, { sides: 2, count: 3 })
  expect(structuredContent?.rolls).toHaveLength(3)
})

test("says what is wrong with the arguments", async () => {
  const { isError, content } = await call(rollDice, { sides: 1 })
  expect(isError).toBe(true)
  expect(content).toMatchObject([{ type: "text", text: expect.stringContaining('"sides"') }])
})
