/**
 * The addresses of names that strangers chose. The system's own look-up (`dns.lookup`) holds a thread of the few that
 * files, hashes and the database's name need as well, for as long as the stranger's name server keeps silent, and nothing
 * gives it back. This one asks the name servers over sockets, in bounded time. /etc/hosts is not for the public web.
 */

import { Resolver } from "node:dns"

export type Resolve = (
  host: string,
  callback: (error: Error | null, addresses?: ReadonlyArray<{ address: string; family: number }>) => void
) => void

type Answer = Parameters<Resolve>[1]

/** For one try; a name server that lost a packet gets another one. */
const TRY_MS = 1500
const TRIES = 2
const GIVE_UP_MS = 5000
/** Each has sockets of its own. */
const AT_ONCE = 100

/** A look-up of A and AAAA; `servers` instead of the system's. One at a time for a name, and so many in all. */
export const makeResolve = (servers?: ReadonlyArray<string>): Resolve => {
  const waiting = new Map<string, Array<Answer>>()

  const ask = (host: string, callback: Answer) => {
    const resolver = new Resolver({ timeout: TRY_MS, tries: TRIES })
    if (servers !== undefined) resolver.setServers(servers)
    // Answers both questions with an error, so that what is below comes to its end.
    const giveUp = setTimeout(() => resolver.cancel(), GIVE_UP_MS)
    const addresses: Array<{ address: string; family: number }> = []
    let open = 2
    let failure: Error | null = null
    const answered = (family: number) => (error: Error | null, records?: ReadonlyArray<string>) => {
      failure ??= error
      for (const address of error === null ? (records ?? []) : []) addresses.push({ address, family })
      open--
      if (open > 0) return
      clearTimeout(giveUp)
      // Many names have addresses of one family alone.
      if (addresses.length > 0) callback(null, addresses)
      else callback(failure ?? new Error("no address"))
    }
    resolver.resolve4(host, answered(4))
    resolver.resolve6(host, answered(6))
  }

  return (host, callback) => {
    const others = waiting.get(host)
    if (others !== undefined) return void others.push(callback)
    if (waiting.size >= AT_ONCE) return callback(new Error("too many names are being looked up"))
    const all = [callback]
    waiting.set(host, all)
    ask(host, (...answer) => {
      waiting.delete(host)
      for (const one of all) one(...answer)
    })
  }
}
