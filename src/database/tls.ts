/** TLS to the database, as `sslmode` means it in libpq. */

import { readFileSync } from "node:fs"
import { connect, isIP } from "node:net"
import type { ConnectionOptions } from "node:tls"
import { Effect, Result, Schema } from "effect"

export const SslMode = Schema.Literals(["disable", "allow", "prefer", "require", "verify-ca", "verify-full"])
export type SslMode = typeof SslMode.Type

/** What the URL and DATABASE_CA_FILE ask for. */
export interface TlsRequest {
  readonly mode: SslMode
  readonly caFile: string | undefined
}

/** The database's URL or its TLS files cannot be used. */
export class TlsUnusable extends Schema.TaggedError<TlsUnusable>()("TlsUnusable", { message: Schema.String }) {}

/** `prefer` is libpq's default; a CA file is asked for by `DATABASE_CA_FILE` or the URL's `sslrootcert`. */
export const tlsRequest = Effect.fn("tlsRequest")(function* (url: URL, caFile: string | undefined) {
  const mode = Schema.decodeUnknownResult(SslMode)(url.searchParams.get("sslmode") ?? "prefer")
  if (Result.isFailure(mode)) {
    return yield* new TlsUnusable({ message: `DATABASE_URL: sslmode must be one of ${SslMode.literals.join(", ")}` })
  }
  const rootCert = url.searchParams.get("sslrootcert") ?? undefined
  return { mode: mode.success, caFile: caFile ?? rootCert } satisfies TlsRequest
})

/** Whether the certificate will be checked: `verify-*`, or any TLS with a CA at hand (libpq's `require` does the same). */
export const verifies = ({ mode, caFile }: TlsRequest): boolean =>
  mode.startsWith("verify-") || (caFile !== undefined && mode !== "disable")

const encryptedOptions = (request: TlsRequest, ca: string | undefined, host: string): ConnectionOptions => ({
  ...(ca === undefined ? {} : { ca }),
  ...(isIP(host) === 0 ? { servername: host } : {}),
  rejectUnauthorized: verifies(request),
  // Only verify-full asks whether the certificate is this host's.
  ...(request.mode === "verify-full" ? {} : { checkServerIdentity: () => undefined })
})

/** Asks a server whether it speaks TLS: SSLRequest is answered with one byte, `S` or `N`. */
const offersTls = (host: string, port: number) =>
  Effect.callback<boolean>((resume) => {
    const socket = connect({ host, port, timeout: 5000 }, () => {
      const request = Buffer.alloc(8)
      request.writeInt32BE(8, 0)
      request.writeInt32BE(80_877_103, 4)
      socket.write(request)
    })
    const end = (offered: boolean) => {
      socket.destroy()
      resume(Effect.succeed(offered))
    }
    socket.once("data", (answer) => end(answer[0] === 0x53))
    // Nobody there: connecting in the clear will say so in better words.
    for (const event of ["error", "close", "timeout"]) socket.once(event, () => end(false))
    return Effect.sync(() => socket.destroy())
  })

/** The client's `ssl` option. `prefer` and `allow` take TLS when the server has it, as libpq does. */
export const sslOption = Effect.fn("sslOption")(function* (request: TlsRequest, host: string, port: number) {
  if (request.mode === "disable" || host.startsWith("/")) return false
  const { caFile } = request
  const ca =
    caFile === undefined
      ? undefined
      : yield* Effect.try({
          try: () => readFileSync(caFile, "utf8"),
          catch: () => new TlsUnusable({ message: `the CA file ${caFile} cannot be read` })
        })
  const optional = request.mode === "prefer" || request.mode === "allow"
  if (optional && !verifies(request) && !(yield* offersTls(host, port))) return false
  return encryptedOptions(request, ca, host)
})
