/** Debian's Caddy and nginx before a server, with the files that we recommend, and certificates of an authority of the test's own. */

import { execFileSync, spawn } from "node:child_process"
import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs"
import { connect, createServer } from "node:net"
import { join } from "node:path"
import { getCACertificates, setDefaultCACertificates } from "node:tls"
import { Effect, Schedule } from "effect"
import { freePort } from "./app.ts"
import { until } from "./processes.ts"
import { temporaryFolder } from "./program.ts"

const DEPLOY = join(import.meta.dirname, "../../deploy")
const found = (paths: ReadonlyArray<string>) => paths.find((path) => existsSync(path))
const CADDY = found(["/usr/bin/caddy"])
const NGINX = found(["/usr/sbin/nginx", "/usr/bin/nginx"])

const started = (command: string, args: ReadonlyArray<string>, env: Readonly<Record<string, string>>, cwd: string) =>
  Effect.acquireRelease(
    Effect.sync(() => {
      const child = spawn(command, args, { cwd, env: { PATH: process.env.PATH, HOME: cwd, ...env }, stdio: "pipe" })
      const over = new Promise<void>((resolve) => child.once("close", () => resolve()))
      return { child, over }
    }),
    ({ child, over }) =>
      Effect.promise(async () => {
        child.kill("SIGTERM")
        await over
      })
  )

/** From here to the end of the scope this process trusts the authority, too. */
const trusted = (certificate: string) =>
  Effect.acquireRelease(
    Effect.sync(() => {
      const before = getCACertificates("default")
      setDefaultCACertificates([...before, readFileSync(certificate, "utf8")])
      return before
    }),
    (before) => Effect.sync(() => setDefaultCACertificates(before))
  )

const answers = (port: number) =>
  Effect.callback<boolean>((resume) => {
    const socket = connect({ port, host: "127.0.0.1" }, () => {
      socket.destroy()
      resume(Effect.succeed(true))
    })
    socket.once("error", () => resume(Effect.succeed(false)))
  })

const whenUp = (port: number) =>
  Effect.repeat(answers(port), { until: (isUp) => isUp, schedule: Schedule.spaced("20 millis") })

interface Before {
  readonly folder: string
  /** Where the proxy listens, and where the server does. */
  readonly port: number
  readonly upstream: number
}

/** Caddy gets its certificate by itself, for a local name from an authority of its own. */
const caddy = ({ folder, port, upstream }: Before) =>
  Effect.gen(function* () {
    const http = yield* freePort
    const file = join(folder, "Caddyfile")
    writeFileSync(
      file,
      `{\n\tadmin off\n\thttp_port ${http}\n\tskip_install_trust\n\tgrace_period 1s\n}\n${readFileSync(join(DEPLOY, "Caddyfile"), "utf8")}`
    )
    yield* started(
      CADDY ?? "",
      ["run", "--config", file, "--adapter", "caddyfile"],
      {
        DOMAIN: `https://localhost:${port}`,
        UPSTREAM: `127.0.0.1:${upstream}`,
        XDG_DATA_HOME: folder,
        XDG_CONFIG_HOME: folder
      },
      folder
    )
    const authority = join(folder, "caddy/pki/authorities/local/root.crt")
    yield* until(() => existsSync(authority), "Caddy makes no certificate")
    return authority
  })

const nginx = ({ folder, port, upstream }: Before) =>
  Effect.gen(function* () {
    const [key, certificate] = [join(folder, "key.pem"), join(folder, "certificate.pem")]
    execFileSync(
      "openssl",
      [
        ...["req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2"],
        ...["-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost", "-keyout", key, "-out", certificate]
      ],
      { stdio: "ignore" }
    )
    const ours = readFileSync(join(DEPLOY, "nginx.conf"), "utf8")
      .replace("server 127.0.0.1:3000;", `server 127.0.0.1:${upstream};`)
      .replace("listen 443", `listen 127.0.0.1:${port}`)
      .replace("server_name mcp.example.com", "server_name localhost")
      .replace(/ssl_certificate \S+;/, `ssl_certificate ${certificate};`)
      .replace(/ssl_certificate_key \S+;/, `ssl_certificate_key ${key};`)
      // The port of a test belongs to the name.
      .replace("proxy_set_header Host $host;", "proxy_set_header Host $http_host;")
    const temporary = join(folder, "temporary")
    mkdirSync(temporary)
    const paths = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"]
      .map((name) => `${name}_temp_path ${join(temporary, name)};`)
      .join(" ")
    const file = join(folder, "nginx.conf")
    writeFileSync(
      file,
      `daemon off; pid ${join(folder, "pid")}; error_log ${join(folder, "error.log")}; worker_processes 1;
       events { worker_connections 256; }
       http { access_log off; ${paths} ${ours} }`
    )
    yield* started(NGINX ?? "", ["-c", file, "-p", folder], {}, folder)
    return certificate
  })

/** Those that are installed here. */
export const PROXIES = {
  ...(CADDY === undefined ? {} : { Caddy: caddy }),
  ...(NGINX === undefined ? {} : { nginx })
}

/** What stands between a proxy and the server: it counts connections. */
export const counting = Effect.fn("test.counting")(function* (to: number) {
  const port = yield* freePort
  let connections = 0
  const open = new Set<{ readonly destroy: () => void }>()
  const server = createServer((socket) => {
    connections++
    const onward = connect({ port: to, host: "127.0.0.1" })
    for (const one of [socket, onward]) {
      open.add(one)
      one
        .on("error", () => {})
        .on("close", () => {
          open.delete(one)
          for (const other of [socket, onward]) other.destroy()
        })
    }
    socket.pipe(onward).pipe(socket)
  })
  yield* Effect.acquireRelease(
    Effect.callback<void>((resume) => void server.listen(port, "127.0.0.1", () => resume(Effect.void))),
    () =>
      Effect.callback<void>((resume) => {
        server.close(() => resume(Effect.void))
        for (const one of open) one.destroy()
      })
  )
  return { port, connections: () => connections }
})

/** A proxy at `port` before the server at `upstream`, trusted by this process. */
export const behindProxy = Effect.fn("test.behindProxy")(function* (
  proxy: NonNullable<(typeof PROXIES)[keyof typeof PROXIES]>,
  port: number,
  upstream: number
) {
  const authority = yield* proxy({ folder: yield* temporaryFolder, port, upstream })
  yield* whenUp(port)
  yield* trusted(authority)
})
