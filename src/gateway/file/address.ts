/** What an address and its headers must be, so that no request fails of them later, nor tells what stands in them. */

import { isIPv4 } from "node:net"

/** Without a certificate only where nobody else can be on the way. */
const isNear = ({ hostname }: URL) =>
  isIPv4(hostname)
    ? /^(127|10|192\.168|172\.(1[6-9]|2\d|3[01]))\./.test(hostname)
    : hostname.startsWith("[")
      ? /^\[(::1\]|f[cd][0-9a-f]{2}:|fe80:)/.test(hostname)
      : !hostname.includes(".") || /\.(local|internal|lan|localhost)$/.test(hostname)

/** What is wrong with an address. */
export const problemOfAddress = (text: string): string | undefined => {
  const url = URL.canParse(text) ? new URL(text) : undefined
  if (url?.protocol !== "https:" && url?.protocol !== "http:") return "is no http or https address"
  if (url.protocol === "http:" && !isNear(url)) return "must be https: what is said to it could be read on the way"
  return url.username === "" && url.password === "" ? undefined : "must not hold a password: write a header"
}

/** What belongs to a connection or to a session, and not to whoever writes the file. */
const NOT_THEIRS = /^(host|connection|content-length|transfer-encoding|upgrade|mcp-session-id)$/i

/** What is wrong with a header: a client that is handed a wrong one tells it with what stands in it. */
export const problemOfHeader = (name: string, value: string): string | undefined => {
  if (!/^[\w!#$%&'*+.^`|~-]+$/.test(name)) return "is no name of a header"
  if (NOT_THEIRS.test(name)) return "is said by this server itself"
  return /^[\t\x20-\x7e\x80-\xff]*$/.test(value) ? undefined : "holds a character that no header may have"
}
