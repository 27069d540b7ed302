/** Moments, as people read them. */

import { html } from "./html.ts"

const UTC = new Intl.DateTimeFormat("en-GB", {
  day: "numeric",
  month: "short",
  year: "numeric",
  hour: "2-digit",
  minute: "2-digit",
  timeZone: "UTC"
})

/**
 * A moment in UTC, which the script tells in the reader's zone: in words while it is recent ("5 minutes ago"), or always in
 * full where order and seconds count (`exact`).
 */
export const time = (at: Date, style: "recent" | "exact" = "recent") =>
  html`<time datetime="${at.toISOString()}" data-time="${style}">${UTC.format(at)} UTC</time>`
