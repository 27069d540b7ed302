import { defineConfig } from "vitest/config"

export default defineConfig({
  test: {
    dir: "test",
    globalSetup: "test/support/globalSetup.ts",
    testTimeout: 30_000,
    hookTimeout: 60_000,
    // Each embedded Postgres is worth half a gigabyte.
    maxWorkers: 2,
    // What the program logs is told with a failure only.
    silent: "passed-only",
    reporters: process.env.VITEST_REPORT ? ["default", "json"] : ["default"],
    ...(process.env.VITEST_REPORT ? { outputFile: { json: process.env.VITEST_REPORT } } : {})
  }
})
