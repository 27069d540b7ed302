/** How long an answer may be kept (RFC 9111 §4.2.1). */

import { Duration } from "effect"

/** Nothing for what must not be kept, or says nothing of it. */
export const freshness = (headers: Readonly<Record<string, string | undefined>>): Duration.Duration => {
  const control = headers["cache-control"]?.toLowerCase() ?? ""
  if (/\bno-(store|cache)\b/.test(control)) return Duration.zero
  const age = Number(/\bmax-age=(\d{1,9})/.exec(control)?.[1] ?? Number.NaN)
  if (Number.isInteger(age)) return Duration.seconds(Math.max(0, age - Number(headers.age ?? 0) || 0))
  // Both dates are the other side's, so its clock need not agree with ours.
  const lifetime = Date.parse(headers.expires ?? "") - Date.parse(headers.date ?? "")
  return Duration.millis(Number.isFinite(lifetime) ? Math.max(0, lifetime) : 0)
}
