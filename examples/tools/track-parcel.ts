// tools/track-parcel.ts
import { ToolFailure, tool } from "gatehouse-server"
import { z } from "zod"

const API = new URL(process.env.PARCELS_URL ?? "https://api.parcels.example")
const Parcel = z.object({ status: z.string(), place: z.string().optional() })

export default tool({
  name: "track_parcel",
  title: "Track a parcel",
  description: "Says where a parcel is.",
  hints: { readOnly: true, openWorld: true },
  hosts: [API.host],
  timeout: "10 seconds",
  input: z.object({ number: z.string().regex(/^[A-Z0-9]{8,20}$/, "8 to 20 capital letters and digits") }),
  output: Parcel,
  run: async ({ number }, { fetch, secret }) => {
    const response = await fetch(new URL(`/v1/parcels/${number}`, API), {
      headers: { authorization: `Bearer ${secret("PARCELS_KEY")}` }
    })
    if (response.status === 404) throw new ToolFailure(`Nobody knows a parcel ${number}.`)
    if (!response.ok) throw new Error(`the parcels answered ${response.status}`)
    return Parcel.parse(await response.json())
  }
})
