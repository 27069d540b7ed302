/**
 * Every series by its name, its meaning and its labels; docs/observe.md has the same table. Names are those of OpenTelemetry's
 * conventions where there are any. The value of a label is one of few: a route's pattern, a tool, a mount, a word of ours. No
 * person, no client, no address and nothing that a stranger wrote.
 */

import { type AnyFamily, counter, gauge, histogram } from "./series.ts"

export const httpRequests = histogram(
  "http_server_request_duration_seconds",
  "Requests that were answered, and how long that took",
  ["route", "method", "status"]
)
export const overloadRefused = counter(
  "overload_refused_total",
  "What was refused since it would have waited too long: requests before they began, or operations of the database",
  ["by"]
)

export const toolCalls = counter("mcp_tool_calls_total", "Calls of tools that came to an end", ["tool", "outcome"])
export const toolDurations = histogram("mcp_tool_call_duration_seconds", "How long calls of tools took", ["tool"])

export const tokensIssued = counter("oauth_tokens_issued_total", "Access tokens that were issued", ["grant"])
export const oauthErrors = counter("oauth_errors_total", "Requests that were refused with an error of OAuth", [
  "endpoint",
  "error"
])
export const reuse = counter(
  "oauth_reuse_total",
  "Grants that were handed in once more after their use, which ended their session",
  []
)
export const signIns = counter("sign_ins_total", "Sign-ins of people, by their way in", ["way", "outcome"])
export const sessionsActive = gauge(
  "sessions_active",
  "Sessions of apps that go on; looked up once a minute",
  [],
  "max"
)
export const clients = gauge("oauth_clients", "Clients that are known; looked up once a minute", [], "max")

export const upstreamUp = gauge("upstream_up", "Whether a mounted server can be asked", ["upstream"], "min")
export const upstreamChildren = gauge("upstream_children", "Processes of mounted servers that run", ["upstream"])
export const upstreamRestarts = counter(
  "upstream_restarts_total",
  "Sessions with mounted servers that ended by themselves, or did not start",
  ["upstream"]
)
export const upstreamCalls = histogram(
  "upstream_call_duration_seconds",
  "Requests to mounted servers, and how long they took",
  ["upstream", "outcome"]
)
export const upstreamChanges = gauge(
  "upstream_changes_pending",
  "What a mounted server says of itself that waits for an owner",
  ["upstream"],
  "max"
)

export const limitRefused = counter("ratelimit_refused_total", "Requests beyond a limit", ["limit"])
export const limitStoreUnavailable = counter(
  "ratelimit_store_unavailable_total",
  "Requests that were counted by their process alone, since Redis did not answer",
  []
)

export const poolInUse = gauge("db_pool_in_use", "Connections to the database that are at work", [])
export const poolWaiting = gauge("db_pool_waiting", "Operations that wait for a connection", [])

export const loopLag = gauge(
  "event_loop_lag_seconds",
  "By how much the event loop was late: the 99th percentile of the last ten seconds, of the worst process",
  [],
  "max"
)
export const residentMemory = gauge("process_resident_memory_bytes", "Resident memory of all processes", [])
export const cpuSeconds = counter("process_cpu_seconds_total", "Processor time of all processes", [])
export const startTime = gauge("process_start_time_seconds", "When the first of them was started", [], "min")
export const info = gauge("gatehouse_info", "Always 1", ["version"], "max")
export const ready = gauge("gatehouse_ready", "Whether all that was asked says it is ready", [], "min")
export const processes = gauge(
  "gatehouse_processes",
  "Processes that answered when they were asked for these numbers",
  []
)

/** All of them, in the order in which they are told. */
export const FAMILIES: ReadonlyArray<AnyFamily> = [
  httpRequests,
  overloadRefused,
  toolCalls,
  toolDurations,
  tokensIssued,
  oauthErrors,
  reuse,
  signIns,
  sessionsActive,
  clients,
  upstreamUp,
  upstreamChildren,
  upstreamRestarts,
  upstreamCalls,
  upstreamChanges,
  limitRefused,
  limitStoreUnavailable,
  poolInUse,
  poolWaiting,
  loopLag,
  residentMemory,
  cpuSeconds,
  startTime,
  info,
  ready,
  processes
]
