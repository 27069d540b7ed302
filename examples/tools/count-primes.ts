// tools/count-primes.ts
import { tool } from "gatehouse-server"
import { z } from "zod"

export default tool({
  name: "count_primes",
  title: "Count primes",
  description: "Counts the prime numbers up to a limit.",
  hints: { readOnly: true, idempotent: true, openWorld: false },
  person: false,
  isolate: { memoryMb: 256 },
  timeout: "20 seconds",
  input: z.object({ limit: z.int().min(2).max(100_000_000) }),
  output: z.object({ primes: z.int() }),
  run: ({ limit }) => {
    const composite = new Uint8Array(limit + 1)
    let primes = 0
    for (let number = 2; number <= limit; number++) {
      if (composite[number]) continue
      primes++
      for (let multiple = number * number; multiple <= limit; multiple += number) composite[multiple] = 1
    }
    return { primes }
  }
})
