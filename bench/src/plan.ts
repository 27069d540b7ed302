/** How much of everything. */

export interface Plan {
  readonly rounds: number
  /** Of load before a measurement, and of the measurement itself. */
  readonly warmUp: number
  readonly seconds: number
  readonly codes: number
  readonly calls: readonly [few: number, many: number]
  readonly tokens: ReadonlyArray<number>
  /** Linked, to measure what each costs. */
  readonly accounts: number
}

export const FULL: Plan = {
  rounds: 3,
  warmUp: 2,
  seconds: 4,
  codes: 6000,
  calls: [10_000, 1_000_000],
  tokens: [10_000, 1_000_000, 10_000_000],
  accounts: 4000
}

/** To see that everything runs and every answer is right; its figures mean nothing. */
export const QUICK: Plan = {
  rounds: 1,
  warmUp: 0.1,
  seconds: 0.2,
  codes: 100,
  calls: [500, 1000],
  tokens: [1000, 2000],
  accounts: 100
}
