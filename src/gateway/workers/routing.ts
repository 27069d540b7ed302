/**
 * Mounts of a server of several processes: the session of a key lives in the one that the key's digest says, and every process serves
 * every key, by asking that one. Two processes with a child each for the same key would be two states of one thing.
 */

import { createHash } from "node:crypto"
import { join } from "node:path"
import * as NodeSocket from "@effect/platform-node/NodeSocket"
import { Effect, Layer, Stream } from "effect"
import { RpcClient, RpcSerialization } from "effect/rpc"
import { RpcClientError } from "effect/rpc/RpcClientError"
import { UpstreamUnavailable } from "../failures.ts"
import type { Mount } from "../mount.ts"
import type { Discovered, Whose } from "../upstream/contract.ts"
import { keyOf } from "../upstream/Sessions.ts"
import { Upstreams } from "../upstream/Upstreams.ts"
import { BetweenWorkers } from "./contract.ts"
import { serveWorkers } from "./server.ts"

/** Which of the workers, from 1 on, a session lives in. */
export const workerOf = (mount: Mount, whose: Whose, workers: number): number =>
  (createHash("sha256")
    .update(JSON.stringify(keyOf(mount, whose)))
    .digest()
    .readUInt32BE() %
    workers) +
  1

const socketOf = (folder: string, worker: number) => join(folder, `${worker}.sock`)

const clientOf = Effect.fnUntraced(function* (path: string) {
  const protocol = yield* Layer.build(
    RpcClient.layerProtocolSocket({ retryTransientErrors: true }).pipe(
      Layer.provide(NodeSocket.layerNet({ path })),
      Layer.provide(RpcSerialization.layerNdjson)
    )
  )
  return yield* Effect.provideContext(RpcClient.make(BetweenWorkers, { disableTracing: true }), protocol)
})

const named = ({ name, fingerprint }: Mount, { subject, grant, chat }: Whose) => ({
  mount: name,
  fingerprint,
  whose: { subject, grant, chat }
})

const routing = Effect.fnUntraced(function* (folder: string, worker: number, workers: number) {
  const local = yield* Upstreams
  const numbers = Array.from({ length: workers }, (_, index) => index + 1).filter((number) => number !== worker)
  const clients = yield* Effect.forEach(numbers, (number) =>
    Effect.map(clientOf(socketOf(folder, number)), (client) => [number, client] as const)
  )
  const others = new Map(clients)
  const all = [...others.values()]
  const homeOf = (mount: Mount, whose: Whose) => others.get(workerOf(mount, whose, workers))
  // The other process ended: it is started again at once.
  const lost = ({ title }: Mount) =>
    new UpstreamUnavailable({ message: `${title} cannot be reached at the moment. Try again in a few seconds.` })
  const findLost =
    (mount: Mount) =>
    <A, E>(effect: Effect.Effect<A, E | RpcClientError>) =>
      Effect.catch(effect, (error) => Effect.fail(error instanceof RpcClientError ? lost(mount) : error))

  return Upstreams.of({
    ...local,
    request: (mount, whose, method, params, options = {}) => {
      const home = homeOf(mount, whose)
      if (home === undefined) return local.request(mount, whose, method, params, options)
      const { onProgress, isRepeatable = false, mayAsk, traceparent } = options
      const wantsProgress = onProgress !== undefined
      return home
        .request({
          ...named(mount, whose),
          method,
          params: JSON.stringify(params),
          isRepeatable,
          wantsProgress,
          traceparent,
          ...(mayAsk && { mayAsk })
        })
        .pipe(
          Stream.runFold(
            (): string | undefined => undefined,
            (before, event) => {
              if (event._tag === "Answered") return event.result
              onProgress?.(event.done, event.total, event.text)
              return before
            }
          ),
          // A stream that ends without an answer is a process that ended.
          Effect.flatMap((result) =>
            result === undefined ? Effect.fail(lost(mount)) : Effect.succeed(JSON.parse(result))
          ),
          findLost(mount)
        )
    },
    discover: (mount, whose) => {
      const home = homeOf(mount, whose)
      if (home === undefined) return local.discover(mount, whose)
      // Written by the same program.
      return home.discover(named(mount, whose)).pipe(
        Effect.map((found): Discovered => JSON.parse(found)),
        findLost(mount)
      )
    },
    status: Effect.map(
      Effect.all([local.status, ...all.map((other) => Effect.orElseSucceed(other.status(), () => []))], {
        concurrency: "unbounded"
      }),
      (statuses) => statuses.flat()
    ),
    stderr: (mount) =>
      Effect.map(
        Effect.all(
          [local.stderr(mount), ...all.map((other) => Effect.orElseSucceed(other.stderr({ mount }), () => []))],
          { concurrency: "unbounded" }
        ),
        (lines) => lines.flat()
      ),
    restart: (mount) =>
      Effect.all([local.restart(mount), ...all.map((other) => Effect.ignore(other.restart({ mount })))], {
        concurrency: "unbounded",
        discard: true
      })
  })
})

/** The sessions of all processes as one, and those of this one for the others. */
export const layerRouted = (folder: string, worker: number, workers: number) =>
  Layer.merge(Layer.effect(Upstreams, routing(folder, worker, workers)), serveWorkers(socketOf(folder, worker)))
