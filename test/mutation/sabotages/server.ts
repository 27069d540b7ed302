// biome-ignore-all lint/suspicious/noTemplateCurlyInString: what is replaced is code

/** Changes of HTTP, of what runs, and of the ways out. */

import type { Sabotage } from "../sabotages.ts"

export const server: ReadonlyArray<Sabotage> = [
  {
    name: "app: a server ends when its first words fail",
    file: "app/app.ts",
    find: '}).pipe(orTell("the first words need the database; a link to set the server up is made by: npm run owner:link"))',
    replace: "})",
    tests: ["test/app/server.test.ts"]
  },
  {
    name: "servers: the command line approves what it did not show",
    file: "app/programs/servers.ts",
    find: "Option.getOrUndefined(shown) !== waitingDigest(all)",
    replace: "false",
    tests: ["test/app/servers.test.ts"]
  },
  {
    name: "origins: anything is a port",
    file: "web/origins.ts",
    find: 'origin.replace(/(:\\d{1,5})?$/, ":*"))',
    replace: 'origin.replace(/(:[^/]*)?$/, ":*"))',
    tests: ["test/web/origins.test.ts"]
  },
  {
    name: "origins: any host of the list's letters",
    file: "web/origins.ts",
    find: 'entry === given || entry === given.replace(/:\\d{1,5}$/, "")',
    replace: "given.startsWith(entry)",
    tests: ["test/web/origins.test.ts"]
  },
  {
    name: "origins: a form of any site",
    file: "web/origins.ts",
    find: "return isSameSite && (",
    replace: "return (",
    tests: ["test/web/origins.test.ts", "test/oauth/authorize/authorize.test.ts"]
  },
  {
    name: "origins: a form of any origin",
    file: "web/origins.ts",
    find: "return isSameSite && (isOurs || origin === `${new URL(config.issuer).protocol}//${headers.host}`)",
    replace: "return isSameSite",
    tests: ["test/web/origins.test.ts", "test/oauth/authorize/authorize.test.ts"]
  },
  {
    name: "json: as many values as there are",
    file: "web/json.ts",
    find: "if (++values > MAX_VALUES) return Number.NaN",
    replace: "if (++values < 0) return Number.NaN",
    tests: ["test/web/json.test.ts", "test/web/heartbeat.test.ts"]
  },
  {
    name: "fibers: one stays behind each request",
    file: "web/front.ts",
    find: "const seen = isForwarded ? Effect.andThen(tellOfProxy(request), reported) : reported",
    replace: "const seen = Effect.andThen(Effect.forkDetach(Effect.never), reported)",
    tests: ["test/app/fibers.test.ts"]
  },
  {
    name: "canary: the log tells what was asked with a path",
    file: "web/front.ts",
    find: "path: path.slice(0, 200),",
    replace: "path: request.url,",
    tests: ["test/app/canary.test.ts"]
  },
  {
    name: "inside: a literal address is not judged",
    file: "net/PublicWeb.ts",
    find: "if (isIP(host) !== 0 && !options.isPublic(host)) {",
    replace: "if (isIP(host) < 0) {",
    tests: ["test/net/ssrf.test.ts"]
  },
  {
    name: "inside: of the addresses of a name the first is judged",
    file: "net/PublicWeb.ts",
    find: "const special = addresses?.find(",
    replace: "const special = addresses?.slice(0, 1).find(",
    tests: ["test/net/ssrf.test.ts"]
  },
  {
    name: "inside: a mount's redirect is followed",
    file: "net/guardedFetch.ts",
    find: 'redirect: "manual"',
    replace: 'redirect: "follow"',
    tests: ["test/net/ssrf.test.ts"]
  },
  {
    name: "inside: a mount's literal address is not judged",
    file: "net/guardedFetch.ts",
    find: "if (!mayBePrivate && isIP(host) !== 0 && !options.isPublic(host)) {",
    replace: "if (isIP(host) < 0) {",
    tests: ["test/net/ssrf.test.ts"]
  },
  {
    name: "upstream: redirects are followed",
    file: "net/boundedFetch.ts",
    find: 'redirect: "manual"',
    replace: 'redirect: "follow"',
    tests: ["test/people/upstreamHostile.test.ts"]
  },
  {
    name: "upstream: an answer may be of any size",
    file: "net/boundedFetch.ts",
    find: "size > MAX_BYTES",
    replace: "size < 0",
    tests: ["test/people/upstreamHostile.test.ts"]
  },
  {
    name: "front: programs are told on a page",
    file: "web/front.ts",
    find: "isNavigation(request) ?",
    replace: "request.url !== undefined ?",
    tests: ["test/html/refusals.test.ts"]
  },
  {
    name: "sign-up: a provider's own rule is forgotten",
    file: "config/providers.ts",
    find: 'provider.admits._tag === "Invited" ?',
    replace: "true ?",
    tests: ["test/people/upstream.test.ts"]
  },
  {
    name: "overload: nobody is turned away",
    file: "web/admission.ts",
    find: "?? Number.POSITIVE_INFINITY) <= time",
    replace: "?? Number.POSITIVE_INFINITY) < 0",
    tests: ["test/web/admission.test.ts"]
  },
  {
    name: "overload: who has begun is kept until all behind have",
    file: "web/admission.ts",
    find: "this.visits[this.first++] = undefined",
    replace: "this.first++",
    tests: ["test/web/admission.test.ts"]
  },
  {
    name: "overload: a turn begins all that it read",
    file: "web/admission.ts",
    find: "Math.max(1, Math.floor(TURN_MS / cost))",
    replace: "1_000_000",
    tests: ["test/web/admission.test.ts"]
  },
  {
    name: "overload: newcomers have no turns of their own",
    file: "web/admission.ts",
    find: "isNewcomer && at - workedAt < TURN_MS",
    replace: "false",
    tests: ["test/web/admission.test.ts"]
  },
  {
    name: "overload: one long turn turns everybody away",
    file: "web/admission.ts",
    find: "Math.min(at - looked, MOST_TURN_MS)",
    replace: "at - looked",
    tests: ["test/web/admission.test.ts"]
  },
  {
    name: "overload: probes wait like everybody else",
    file: "web/admission.ts",
    find: "if (PROBES.has(path)) return visit.begin()",
    replace: "",
    tests: ["test/web/admission.test.ts"]
  },
  {
    name: "overload: pages come before grants and calls",
    file: "web/admission.ts",
    find: "?.find((line) => line.length > 0",
    replace: "?.toReversed().find((line) => line.length > 0",
    tests: ["test/web/admission.test.ts"]
  },
  {
    name: "shutdown: connections stay open",
    file: "web/front.ts",
    find: "...(draining.isBegun() ? CLOSE : {})",
    replace: "",
    tests: ["test/app/shutdown.test.ts"]
  },
  {
    name: "shutdown: the listener closes before anybody heard of it",
    file: "web/listener.ts",
    find: "if (connections.isAny()) yield* Effect.andThen(Effect.sleep(LINGER_MS), aTurn)",
    replace: "",
    tests: ["test/app/shutdown.test.ts"]
  },
  {
    name: "shutdown: a connection that waits is closed with the first answer of another",
    file: "web/listener.ts",
    find: "if (!isWaitedFor) setImmediate",
    replace: "if (draining.isBegun()) setImmediate",
    tests: ["test/app/shutdown.test.ts"]
  },
  {
    name: "shutdown: /readyz says yes until the end",
    file: "app/health.ts",
    find: "draining.isBegun() ? leaving : answers",
    replace: "answers",
    tests: ["test/app/shutdown.test.ts"]
  },
  {
    name: "redis: whoever finds it silent tells nobody, so that everybody waits for it",
    file: "web/redis.ts",
    find: "        Deferred.doneUnsafe(connection.lost, Effect.fail(trouble))\n",
    replace: "",
    tests: ["test/web/redis.test.ts"]
  },
  {
    name: "redis: while it is away nothing is counted",
    file: "web/Limiter.ts",
    find: '"CountsAway", () => here.take(kind, key, allowance)',
    replace: '"CountsAway", () => Effect.void',
    tests: ["test/web/redis.test.ts"]
  },
  {
    name: "redis: it is waited for without end",
    file: "web/redis.ts",
    find: "Effect.catch(inTime(asked), (trouble)",
    replace: "Effect.catch(asked, (trouble)",
    tests: ["test/web/redis.test.ts"]
  },
  {
    name: "redis: addresses and names stand there as they are",
    file: "app/app.ts",
    find: '(key) => markOf(keys, "counted", key)',
    replace: "(key) => key",
    tests: ["test/web/redis.test.ts"]
  },
  {
    name: "redis: what is noted stays for ever",
    file: "web/redis.ts",
    find: 'redis.call("PEXPIRE", KEYS[1], ARGV[1])\n',
    replace: "",
    tests: ["test/web/redis.test.ts"]
  },
  {
    name: "redis: one that cannot be written to is taken for one that can count",
    file: "web/redis.ts",
    find: '        await client.sendCommand(["EVAL", noteScript.lua, "1", `${PREFIX}here`, "1000"])\n',
    replace: "",
    tests: ["test/web/redis.test.ts"]
  },
  {
    name: "front: a target that is no path is routed as one",
    file: "web/front.ts",
    find: 'const isPath = path.startsWith("/")',
    replace: "const isPath = true",
    tests: ["test/web/smuggling.test.ts"]
  },
  {
    name: "documentation: a default that the page of variables does not know",
    file: "config/environment.ts",
    find: "DATABASE_POOL_SIZE: integer(1, 500, 10)",
    replace: "DATABASE_POOL_SIZE: integer(1, 500, 20)",
    tests: ["test/docs/reference.test.ts"]
  },
  {
    name: "documentation: the doctor finds what troubleshooting does not have",
    file: "doctor/findings.ts",
    find: 'title: "by https"',
    replace: 'title: "over https"',
    tests: ["test/docs/pages.test.ts"]
  },
  {
    name: "documentation: the first words are others than the first page shows",
    file: "app/welcome.ts",
    find: "anybody who reaches it can connect.",
    replace: "anybody who finds it can connect.",
    tests: ["test/docs/shell.test.ts"]
  }
]
