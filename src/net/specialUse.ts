/** Which addresses are nobody's public web server (RFC 6890 and the IANA special-purpose registries). */

import { Option, Result } from "effect"
import { IpNetwork, NetAddress } from "effect/net"

const networks = (...prefixes: ReadonlyArray<string>) => prefixes.map(IpNetwork.fromStringUnsafe)

const SPECIAL_V4 = networks(
  "0.0.0.0/8",
  "10.0.0.0/8",
  "100.64.0.0/10",
  "127.0.0.0/8",
  "169.254.0.0/16",
  "172.16.0.0/12",
  "192.0.0.0/24",
  "192.0.2.0/24",
  "192.31.196.0/24",
  "192.52.193.0/24",
  "192.88.99.0/24",
  "192.168.0.0/16",
  "192.175.48.0/24",
  "198.18.0.0/15",
  "198.51.100.0/24",
  "203.0.113.0/24",
  "224.0.0.0/4",
  "240.0.0.0/4"
)
/** Everything outside is special: loopback, link and unique local, NAT64, discard, SRv6 SIDs, multicast. */
const GLOBAL_UNICAST_V6 = IpNetwork.fromStringUnsafe("2000::/3")
/** Special inside: protocol assignments with Teredo, documentation, 6to4, which carry other addresses within. */
const SPECIAL_V6 = networks("2001::/23", "2001:db8::/32", "2002::/16", "2620:4f:8000::/48", "3fff::/20")

/** Whether a literal address may be connected to on behalf of a stranger. What is no address may not. */
export const isPublicAddress = (literal: string): boolean => {
  const parsed = Option.map(Result.getSuccess(NetAddress.ipFromString(literal)), (address) =>
    NetAddress.toCanonical(address)
  )
  return Option.exists(parsed, (address) =>
    NetAddress.isIpv4Address(address)
      ? !SPECIAL_V4.some((network) => IpNetwork.contains(network, address))
      : IpNetwork.contains(GLOBAL_UNICAST_V6, address) &&
        !SPECIAL_V6.some((network) => IpNetwork.contains(network, address))
  )
}
