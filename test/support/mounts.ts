/** Mounts as a file would describe them. */

import { Duration } from "effect"
import type { Mount } from "../../src/gateway/mount.ts"

/** A mount over Streamable HTTP, with what a test wants to be different. */
export const mountOf = (over: Partial<Mount> = {}): Mount => ({
  name: "things",
  title: "Things",
  origin: "file",
  transport: { _tag: "Http", url: "http://127.0.0.1:1/mcp", headers: {}, mayBePrivate: true },
  session: "shared",
  auth: "none",
  signIn: {},
  idle: Duration.minutes(10),
  timeout: Duration.seconds(55),
  keep: false,
  tools: undefined,
  people: "everyone",
  disabled: false,
  fingerprint: "1",
  ...over
})
