/** The layer graph: the routes behind one front, what they stand on, and the cleanup. */

import { Console, Context, Effect, Layer } from "effect"
import { CopiesForAsking } from "../backup/beside.ts"
import { ServerConfig } from "../config/ServerConfig.ts"
import * as Database from "../database/connect.ts"
import { MaintenanceStore } from "../database/MaintenanceStore.ts"
import { queue } from "../database/queue.ts"
import { Gateway } from "../gateway/offer/Gateway.ts"
import { VaultRoutes } from "../gateway/vault/routes.ts"
import { AssetRoutes } from "../html/assets.ts"
import { HtmlRefusals } from "../html/refusals.ts"
import { elsewhere } from "../mcp/elsewhere.ts"
import { McpRoute } from "../mcp/gate.ts"
import { PublicWeb } from "../net/PublicWeb.ts"
import { RefusedRedirects } from "../oauth/authorize/RefusedRedirects.ts"
import { AuthorizeRoutes } from "../oauth/authorize/routes.ts"
import { ClientDocuments } from "../oauth/clients/ClientDocuments.ts"
import { ClientRegistry } from "../oauth/clients/ClientRegistry.ts"
import { SeedClient } from "../oauth/clients/configured.ts"
import { RegistrationRoutes } from "../oauth/clients/routes.ts"
import { DiscoveryRoutes } from "../oauth/discovery/routes.ts"
import { TokenRoutes } from "../oauth/grants/routes.ts"
import { TokenStore } from "../oauth/grants/TokenStore.ts"
import { OpenidRoutes } from "../oauth/openid/routes.ts"
import { SigningKeys } from "../oauth/openid/SigningKeys.ts"
import { RateLimits } from "../oauth/RateLimits.ts"
import { catalogueOf, ScopeCatalogue } from "../oauth/scope.ts"
import { AccessTokens } from "../oauth/tokens/AccessTokens.ts"
import { orTell } from "../oauth/tokens/background.ts"
import { markOf } from "../oauth/tokens/mark.ts"
import { Revocations } from "../oauth/tokens/Revocations.ts"
import { ServerKeys } from "../oauth/tokens/ServerKeys.ts"
import { AccountRoutes } from "../pages/account.ts"
import { AdminClientsRoutes } from "../pages/admin/clients.ts"
import { AdminEventsRoutes } from "../pages/admin/events.ts"
import { AdminPeopleRoutes } from "../pages/admin/people.ts"
import { AdminServerRoutes } from "../pages/admin/server.ts"
import { AdminServersRoutes } from "../pages/admin/servers.ts"
import { AdminUsageRoutes } from "../pages/admin/usage.ts"
import { CheckClient, CheckRoutes } from "../pages/check.ts"
import { CodesRoutes } from "../pages/codes.ts"
import { ConnectionRoutes } from "../pages/connections.ts"
import { PeopleInteraction } from "../pages/consent.ts"
import { EnrolmentRoutes } from "../pages/enrolment.ts"
import { home } from "../pages/home.ts"
import { LoginRoutes } from "../pages/login.ts"
import { MountRoutes } from "../pages/mounts.ts"
import { PasskeyRoutes } from "../pages/passkeys.ts"
import { PasswordRoutes } from "../pages/password.ts"
import { PersonDataRoutes } from "../pages/personData.ts"
import { UpstreamRoutes } from "../pages/upstream.ts"
import { BrowserSessions } from "../people/BrowserSessions.ts"
import { ConsentStore } from "../people/ConsentStore.ts"
import { EventsWebhook } from "../people/EventsWebhook.ts"
import { Identities } from "../people/Identities.ts"
import { People } from "../people/People.ts"
import { Passkeys } from "../people/passkeys/Passkeys.ts"
import { RecoveryStore } from "../people/RecoveryStore.ts"
import { PeopleSubjects } from "../people/subjects.ts"
import { Throttle } from "../people/Throttle.ts"
import { Upstream } from "../people/upstream/Upstream.ts"
import { RecordUsage } from "../telemetry/usage/record.ts"
import { UsageStore } from "../telemetry/usage/UsageStore.ts"
import { type Given, Tools } from "../toolsets/own/own.ts"
import { Toolset } from "../toolsets/Toolset.ts"
import { derived } from "../web/derived.ts"
import { Front } from "../web/front.ts"
import { SharedCounts } from "../web/Limiter.ts"
import { listener } from "../web/listener.ts"
import { RefuseDemo, setupUrl, tellOfPasskeys, tellOfSignUp } from "./beginnings.ts"
import { ScheduledCleanup } from "./cleanup.ts"
import { HealthRoutes } from "./health.ts"
import { Metrics } from "./metrics.ts"
import { HeedStrays } from "./strays.ts"
import { welcome } from "./welcome.ts"
import { isWorker, supervise } from "./workers.ts"

const Routes = Layer.mergeAll(
  DiscoveryRoutes,
  AssetRoutes,
  AuthorizeRoutes,
  TokenRoutes,
  OpenidRoutes,
  RegistrationRoutes,
  McpRoute,
  elsewhere(home),
  LoginRoutes,
  UpstreamRoutes,
  EnrolmentRoutes,
  AccountRoutes,
  CodesRoutes,
  PasswordRoutes,
  PersonDataRoutes,
  PasskeyRoutes,
  ConnectionRoutes,
  MountRoutes,
  VaultRoutes,
  CheckRoutes,
  AdminPeopleRoutes,
  AdminUsageRoutes,
  AdminEventsRoutes,
  AdminClientsRoutes,
  AdminServersRoutes,
  AdminServerRoutes,
  HealthRoutes,
  Layer.provide(Front, HtmlRefusals)
)

/** Outside the server, so that its routes and the cleanup share one pool, one key ring and one memory. */
export const Stores = Layer.mergeAll(
  TokenStore.layer,
  AccessTokens.layer,
  ClientRegistry.layer,
  ServerKeys.layer,
  People.layer,
  BrowserSessions.layer,
  ConsentStore.layer,
  RecoveryStore.layer,
  Identities.layer,
  MaintenanceStore.layer,
  UsageStore.layer,
  Passkeys.layer,
  SigningKeys.layer.pipe(Layer.provide(ServerKeys.layer)),
  PeopleSubjects.pipe(Layer.provide(People.layer))
).pipe(Layer.provide(Revocations.layer))

/** The scopes that the tools declare, as they come and go. */
const Scopes = Layer.effect(
  ScopeCatalogue,
  Effect.map(Toolset, ({ current }) =>
    ScopeCatalogue.of({ current: derived(current, ({ scopes }) => catalogueOf(scopes)) })
  )
)

/** Where limits are counted by all instances together. Marks of a key that they share, so that nobody reads there who came. */
const Counts = Layer.effect(
  SharedCounts,
  Effect.gen(function* () {
    const { redisUrl, rateLimit } = yield* ServerConfig
    if (redisUrl === undefined || rateLimit === undefined) return undefined
    const keys = yield* ServerKeys
    const { countTogether } = yield* Effect.promise(() => import("../web/redis.ts"))
    return yield* countTogether(redisUrl, (key) => markOf(keys, "counted", key))
  })
)

/** Everything that runs, over a database, tools and a way out to the web. The clients of ours are there before the first request. */
export const App = Layer.mergeAll(listener(Routes, queue.delay), ScheduledCleanup, EventsWebhook, Metrics).pipe(
  Layer.provide([SeedClient, CheckClient]),
  Layer.provide(RefuseDemo),
  Layer.provide(
    Layer.mergeAll(
      RateLimits.layer,
      ClientDocuments.layer,
      PeopleInteraction,
      Throttle.layer,
      RefusedRedirects.layer,
      Upstream.layer
    )
  ),
  Layer.provide(Scopes),
  Layer.provide(Counts),
  // Ends after those whom it counts.
  Layer.provide(RecordUsage),
  Layer.provideMerge(Stores)
)

const Welcome = Layer.effectDiscard(
  Effect.gen(function* () {
    const config = yield* ServerConfig
    yield* Effect.logInfo("listening").pipe(
      Effect.annotateLogs({ host: config.host, port: config.port, base_url: config.issuer })
    )
    if (config.worker !== 1) return
    const { current } = yield* Toolset
    const scopes = catalogueOf(current().scopes).keys()
    // It listens by now, and goes on: whoever is being served must not pay for what is only told.
    yield* Effect.gen(function* () {
      yield* Console.log(welcome(config, scopes, yield* setupUrl))
      yield* tellOfPasskeys
    }).pipe(orTell("the first words need the database; a link to set the server up is made by: npm run owner:link"))
    yield* tellOfSignUp
  })
)

/** What mounts have, beside the tools. */
const Mounted = Gateway.pipe(Layer.provide(ServerKeys.layer))

/** A whole server, with these tools beside those of the folder and those that come along. */
export const Server = (given: Given = {}) =>
  Layer.merge(Welcome, CopiesForAsking).pipe(
    Layer.provide(App),
    Layer.provide(Mounted),
    Layer.provide(Tools(given)),
    Layer.provide(PublicWeb.layer),
    Layer.provideMerge(Database.layer)
  )

/** What a server tells by OTLP; it ends after whoever tells. */
export const Otlp = Layer.unwrap(
  Effect.flatMap(ServerConfig, ({ otlp }) =>
    // What most servers do without is loaded where it is wanted.
    otlp === undefined
      ? Effect.succeed(Layer.empty)
      : Effect.map(
          Effect.promise(() => import("./otlp.ts")),
          ({ layerOtlp }) => layerOtlp(otlp)
        )
  )
)

/** The server, in as many processes as `WORKERS` says. */
export const program = Effect.gen(function* () {
  const { workers } = yield* ServerConfig
  if (workers > 1 && !isWorker) return yield* supervise(workers)
  const served = yield* Layer.build(Layer.merge(Server(), HeedStrays))
  return yield* Context.get(served, Database.Ended)
}).pipe(Effect.scoped, Effect.provide(Otlp))
