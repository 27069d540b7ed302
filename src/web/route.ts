/** The route that a request took, as it was declared: one of few, where a path may be anything. */

import { Context, Fiber } from "effect"
import { HttpRouter } from "effect/http"

/** What no route is for, or what was refused before one was looked for. */
export const NO_ROUTE = "none"

/** Of the request that is at work now; the router leaves its finding with the request's fiber. */
export const currentRoute = (): string => {
  const fiber = Fiber.getCurrent()
  return fiber === undefined
    ? NO_ROUTE
    : (Context.getOrUndefined(fiber.context, HttpRouter.RouteContext)?.route.path ?? NO_ROUTE)
}
