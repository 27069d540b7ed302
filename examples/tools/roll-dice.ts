// tools/roll-dice.ts
import { randomInt } from "node:crypto"
import { tool } from "gatehouse-server"
import { z } from "zod"

export default tool({
  name: "roll_dice",
  title: "Roll dice",
  description: "Rolls dice and adds them up.",
  hints: { readOnly: true, openWorld: false },
  input: z.object({
    sides: z.int().min(2).max(1000).describe("How many sides each of them has"),
    count: z.int().min(1).max(100).default(1).describe("How many dice")
  }),
  output: z.object({ rolls: z.array(z.int()), sum: z.int() }),
  run: ({ sides, count }) => {
    const rolls = Array.from({ length: count }, () => randomInt(1, sides + 1))
    return { rolls, sum: rolls.reduce((sum, roll) => sum + roll, 0) }
  }
})
