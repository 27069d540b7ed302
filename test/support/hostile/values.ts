/** What strangers put in the place of a value, and the ways in which they write it. Text is text; bytes come after it. */

import { type Choices, pick, rarely } from "./choices.ts"

/** Stands before what must not come back: found again in an answer, the request's text was reflected. */
export const MARKER = /mk[0-9a-z]{1,13}zz/

let count = 0
/** A word that no other request has, and no answer of its own accord. */
export const newMarker = (): string => `mk${(count++).toString(36)}zz`

/** Of a marker, what would end a text, an attribute, an element, a line, a header or a query if it were let. */
const around = (marker: string): ReadonlyArray<string> => [
  `${marker}<img src=x onerror=alert(1)>`,
  `${marker}"><script>alert(1)</script>`,
  `${marker}' onfocus='alert(1)`,
  `${marker}\r\nX-Injected: ${marker}\r\n\r\n<p>`,
  `${marker}\nSet-Cookie: gatehouse=${marker}`,
  `https://${marker}.example/`,
  `//${marker}.example/"`,
  `/\\${marker}.example`,
  `javascript:alert('${marker}')`,
  `data:text/html,${marker}<b>`,
  `https://localhost@${marker}.example/`,
  `/%0d%0aLocation:%20https://${marker}.example/`,
  `/..//${marker}.example`,
  `{"a":"${marker}"}`,
  `${marker}\u0000<b>`,
  `${marker}\u202e\u200b\ufeff<b>`,
  `\${${marker}}{{${marker}}}<%=${marker}%>`,
  `${marker}'; drop table mcp.people; --`
]

const ODD: ReadonlyArray<string> = [
  "",
  " ",
  "0",
  "-1",
  "00",
  "1e309",
  "9007199254740993",
  "9223372036854775808",
  "99999999999999999999999999999999",
  "NaN",
  "true",
  "null",
  "undefined",
  "[object Object]",
  "__proto__",
  "constructor",
  "toString",
  "hasOwnProperty",
  "../../../../etc/passwd",
  "..%2f..%2f",
  "00000000-0000-0000-0000-000000000000",
  "ffffffff-ffff-ffff-ffff-ffffffffffff",
  "0".repeat(36),
  "*",
  "%",
  "'",
  "\\",
  "\u0000",
  "\u0001\u0008\u001b[2J\u007f\u0085\u009f",
  "\t\n\v\f\r",
  "\u00a0\u2028\u2029\u3000",
  "e\u0301".repeat(200),
  "\u{1f469}\u200d\u{1f467}".repeat(50),
  "ﬀİıſK",
  "infinity",
  "1970-01-01",
  "a b c d e f",
  "=&=&;=",
  "mcp.tools.call mcp.tools.call",
  "mcp_at_",
  `mcp_at_${"A".repeat(96)}`,
  `mcp_rt_${"_".repeat(96)}`,
  `mcp_ac_${"-".repeat(96)}`,
  "e30.e30.",
  "eyJhbGciOiJub25lIn0.e30.",
  `${"a.".repeat(50)}a`
]

const LENGTHS = [100, 255, 256, 257, 1025, 4097, 20_000, 66_000] as const
const UNITS = ["a", "<", "%", "\u00e9", "\u{1f600}", " ", "/", "."] as const

/** A value that nobody of good will sends. */
export const oddText = (choices: Choices, marker: string): string => {
  switch (choices.below(8)) {
    case 0:
    case 1:
    case 2:
      return pick(choices, ODD)
    case 3:
      return pick(choices, UNITS).repeat(pick(choices, LENGTHS))
    default:
      return pick(choices, around(marker))
  }
}

/** A good value, spoilt. */
export const spoilt = (choices: Choices, good: string): string => {
  const at = choices.below(good.length + 1)
  switch (choices.below(7)) {
    case 0:
      return good.slice(0, at)
    case 1:
      return `${good} `
    case 2:
      return good.toUpperCase()
    case 3:
      return `${good.slice(0, at)}${pick(choices, ["a", "A", "-", "\u0000", "\n", ".", "/"])}${good.slice(at + 1)}`
    case 4:
      return good + good
    case 5:
      return [...good].reverse().join("")
    default:
      return `${good}${pick(choices, ["?a=1", "#a", "/", "/..", "%00", "@evil.example", ":443", "\\"])}`
  }
}

const percent = (bytes: Uint8Array) => [...bytes].map((byte) => `%${byte.toString(16).padStart(2, "0")}`).join("")
const UNESCAPED = /[^A-Za-z0-9._~-]/gu

/** As forms and queries write a text (`application/x-www-form-urlencoded`). */
export const escaped = (text: string): string => text.replace(UNESCAPED, (one) => percent(Buffer.from(one)))

const OVERLONG = [0xc0, 0xaf, 0xe0, 0x80, 0xaf, 0xf0, 0x80, 0x80, 0xaf]
const BROKEN = ["%", "%z", "%0", "%%41", "%u0041", "%c3", "%ff%fe", "%ed%a0%80", "%f4%90%80%80", "%00"]

/** A text in the octets of a form or a query, mostly as it should be; octets are told as latin1. */
export const octets = (choices: Choices, text: string): string => {
  if (!rarely(choices, 8)) return escaped(text)
  switch (choices.below(6)) {
    case 0:
      return escaped(escaped(text))
    case 1:
      return percent(Buffer.from(text))
    case 2:
      return escaped(text) + pick(choices, BROKEN)
    case 3:
      return percent(Buffer.from(OVERLONG)) + escaped(text)
    case 4:
      return percent(Buffer.from(text, "utf16le"))
    default:
      // As it is, in UTF-8, with whatever ends a pair or a line.
      return Buffer.from(text).toString("latin1")
  }
}
