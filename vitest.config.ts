import { fileURLToPath } from "node:url"
import { defineConfig } from "vitest/config"

const source = (file: string) => fileURLToPath(new URL(`src/${file}`, import.meta.url))

export default defineConfig({
  // The package is tested by its source.
  resolve: {
    alias: [
      { find: /^gatehouse-server$/, replacement: source("index.ts") },
      { find: /^gatehouse-server\/testing$/, replacement: source("testing.ts") }
    ]
  },
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
