// tools/convert-length.ts
import { toStandardJsonSchema } from "@valibot/to-json-schema"
import { tool } from "gatehouse-server"
import * as v from "valibot"

const METRES = { mm: 0.001, cm: 0.01, m: 1, km: 1000, inch: 0.0254, foot: 0.3048, yard: 0.9144, mile: 1609.344 }
const Unit = v.picklist(["mm", "cm", "m", "km", "inch", "foot", "yard", "mile"])

export default tool({
  name: "convert_length",
  title: "Convert a length",
  description: "Converts a length from one unit to another.",
  hints: { readOnly: true, idempotent: true, openWorld: false },
  input: toStandardJsonSchema(v.object({ length: v.number(), from: Unit, to: Unit })),
  output: toStandardJsonSchema(v.object({ length: v.number(), unit: Unit })),
  run: ({ length, from, to }) => ({ length: (length * METRES[from]) / METRES[to], unit: to })
})
