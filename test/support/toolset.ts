/** Other toolsets than the one that comes along. */

import { Effect, Layer } from "effect"
import { BuiltinToolset } from "../../src/toolsets/builtin/builtin.ts"
import { type More, Toolset } from "../../src/toolsets/Toolset.ts"
import { derived } from "../../src/web/derived.ts"

/** Our own tools, and beside them `more` in the place of our cards. */
export const withMore = (more: More) =>
  Layer.effect(
    Toolset,
    Effect.map(Toolset, ({ current }) =>
      Toolset.of({ current: derived(current, (offering) => ({ ...offering, more })) })
    )
  ).pipe(Layer.provide(BuiltinToolset))
