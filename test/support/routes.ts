/** The paths that a server registers, as it is built: a new one is seen by whoever goes through all of them. */

import { Effect } from "effect"
import { FindMyWay } from "effect/http"
import { vi } from "vitest"

const routes = Object.getPrototypeOf(FindMyWay.make()) as Pick<FindMyWay.Router<unknown>, "all" | "on">

/** Fills `registered` while the scope is open. */
export const watchRoutes = (registered: Set<string>) =>
  Effect.acquireRelease(
    Effect.sync(() => {
      const { all, on } = routes
      const spies = [
        vi.spyOn(routes, "all").mockImplementation(function (this: FindMyWay.Router<unknown>, path, handler) {
          registered.add(path)
          return all.call(this, path, handler)
        }),
        vi.spyOn(routes, "on").mockImplementation(function (this: FindMyWay.Router<unknown>, method, path, handler) {
          registered.add(path)
          return on.call(this, method, path, handler)
        })
      ]
      return () => {
        for (const spy of spies) spy.mockRestore()
      }
    }),
    (restore) => Effect.sync(restore)
  )
