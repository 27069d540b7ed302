/** The sessions of this worker, for the other workers: over a socket in a folder that only this user may enter. */

import { rmSync } from "node:fs"
import * as NodeSocketServer from "@effect/platform-node/NodeSocketServer"
import { Effect, Layer, Queue, Stream } from "effect"
import { RpcSerialization, RpcServer } from "effect/rpc"
import { type UpstreamFailed, UpstreamUnavailable } from "../failures.ts"
import { MountsInUse } from "../MountsInUse.ts"
import type { RequestOptions } from "../upstream/contract.ts"
import { Upstreams } from "../upstream/Upstreams.ts"
import { BetweenWorkers, type Event } from "./contract.ts"

const Handlers = BetweenWorkers.toLayer(
  Effect.gen(function* () {
    const local = yield* Upstreams
    const { current } = yield* MountsInUse

    const mountOf = (name: string, fingerprint: string) => {
      const mount = current().find((one) => one.name === name && one.fingerprint === fingerprint)
      return mount === undefined
        ? Effect.fail(new UpstreamUnavailable({ message: "This server is being changed. Try again in a few seconds." }))
        : Effect.succeed(mount)
    }

    return {
      request: ({ mount, fingerprint, whose, method, params, isRepeatable, mayAsk, wantsProgress, traceparent }) =>
        Stream.callback<Event, UpstreamFailed>((queue) =>
          Effect.gen(function* () {
            const options: RequestOptions = {
              isRepeatable,
              traceparent,
              ...(mayAsk && { mayAsk }),
              ...(wantsProgress && {
                onProgress: (done, total, text) => Queue.offerUnsafe(queue, { _tag: "Progress", done, total, text })
              })
            }
            const known = yield* mountOf(mount, fingerprint)
            const result = yield* local.request(
              known,
              { ...whose, chat: whose.chat },
              method,
              JSON.parse(params),
              options
            )
            yield* Queue.offer(queue, { _tag: "Answered", result: JSON.stringify(result) })
            yield* Queue.end(queue)
          }).pipe(Effect.catch((failure) => Queue.fail(queue, failure)))
        ),
      discover: ({ mount, fingerprint, whose }) =>
        Effect.flatMap(mountOf(mount, fingerprint), (known) =>
          Effect.map(local.discover(known, { ...whose, chat: whose.chat }), (found) => JSON.stringify(found))
        ),
      status: () => local.status,
      stderr: ({ mount }) => local.stderr(mount),
      restart: ({ mount }) => local.restart(mount)
    }
  })
)

/** Answers the others for as long as the layer lives. What an earlier process of this number left is taken away. */
export const serveWorkers = (path: string) =>
  RpcServer.layer(BetweenWorkers, { disableTracing: true, concurrency: "unbounded" }).pipe(
    Layer.provide(Handlers),
    Layer.provide(RpcServer.layerProtocolSocketServer),
    Layer.provide(RpcSerialization.layerNdjson),
    Layer.provide(
      Layer.unwrap(
        Effect.sync(() => {
          rmSync(path, { force: true })
          return NodeSocketServer.layer({ path })
        })
      )
    )
  )
