// tools/draw-chart.ts
import { tool } from "gatehouse-server"
import { z } from "zod"

const Chart = z.object({
  title: z.string().max(80),
  bars: z
    .array(z.object({ label: z.string().max(40), value: z.number().min(0) }))
    .min(1)
    .max(20)
})

export default tool({
  name: "draw_chart",
  title: "Draw a chart",
  description: "Shows numbers to the person as a bar chart. Call it with numbers that you know.",
  hints: { readOnly: true, openWorld: false },
  app: { file: "./draw-chart.html" },
  input: Chart,
  output: Chart,
  run: (chart) => chart
})
