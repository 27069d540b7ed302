/** What so many linked accounts need, from what one costs (`sizing.ts`): multiplied, and nothing else. */

import * as Sizing from "./sizing.ts"
import { type Samples, summarize } from "./statistics.ts"

const ACCOUNTS = [10_000, 1_000_000, 100_000_000] as const
/** No core is planned to be busier than this at the peak. */
const BUSY = 0.5
/** As configured by default: the pool of an instance, one of which hears of revocations. */
const CONNECTIONS = 10

const figure = (samples: Samples, what: string, unit: string) => summarize(samples.of(what, unit)).median

/** How often a day each happens for one account. A call is charged as one whose token has to be looked up. */
const DAILY: ReadonlyArray<readonly [what: string, times: number]> = [
  [Sizing.CHECK, Sizing.USE.calls],
  [Sizing.REFRESH, Sizing.USE.refreshes],
  [Sizing.SIGN_IN, Sizing.USE.signIns],
  [Sizing.LINK, Sizing.USE.links]
]

export const bytesOfAccount = (samples: Samples) =>
  Object.entries(Sizing.ROWS).reduce(
    (sum, [table, rows]) => sum + rows * figure(samples, Sizing.rowOf(table), Sizing.BYTES),
    0
  )

const round = (value: number) =>
  Number.isInteger(value) || value >= 10 ? Math.round(value).toLocaleString("en") : value.toFixed(value < 1 ? 2 : 1)
const bytes = (value: number) => {
  const units = ["B", "kB", "MB", "GB", "TB"]
  const step = Math.min(units.length - 1, Math.floor(Math.log10(Math.max(1, value)) / 3))
  return `${round(value / 1000 ** step)} ${units[step]}`
}

/** A row for each thing that is needed, a column for each number of accounts. */
export const needs = (samples: Samples): ReadonlyArray<ReadonlyArray<string>> => {
  const perSecond = (accounts: number, times: number) => (accounts * times * Sizing.PEAK) / 86_400
  const atPeak = (accounts: number, unit: string) =>
    DAILY.reduce((sum, [what, times]) => {
      const cost = figure(samples, what, unit)
      return Number.isNaN(cost) ? sum : sum + perSecond(accounts, times) * cost
    }, 0)
  const cores = (accounts: number, unit: string) => atPeak(accounts, unit) / 1e6 / BUSY
  const instances = (accounts: number) => Math.max(2, Math.ceil(cores(accounts, Sizing.SERVER_CPU)))
  const rows: ReadonlyArray<readonly [string, (accounts: number) => string]> = [
    ["calls a second", (accounts) => round(perSecond(accounts, Sizing.USE.calls))],
    ["refreshes a second", (accounts) => round(perSecond(accounts, Sizing.USE.refreshes))],
    ["passwords a second", (accounts) => round(perSecond(accounts, Sizing.USE.signIns))],
    ["cores for instances", (accounts) => round(cores(accounts, Sizing.SERVER_CPU))],
    ["instances of one core, two at least", (accounts) => round(instances(accounts))],
    ["cores for Postgres", (accounts) => round(cores(accounts, Sizing.DATABASE_CPU))],
    ["connections to Postgres", (accounts) => round(instances(accounts) * CONNECTIONS)],
    ["log written (WAL) a second", (accounts) => bytes(atPeak(accounts, Sizing.WAL))],
    ["rows of refresh tokens", (accounts) => round(accounts * (Sizing.ROWS.oauth_refresh_tokens ?? 0))],
    ["on disk, indexes included", (accounts) => bytes(accounts * bytesOfAccount(samples))]
  ]
  return [
    ["at the peak", ...ACCOUNTS.map((accounts) => accounts.toLocaleString("en"))],
    ...rows.map(([what, of]) => [what, ...ACCOUNTS.map(of)])
  ]
}
