/** Text and links that others wrote, made fit to be read by a model or a person. */

const TAG = /<\/?[a-z!][^<>]*>/gi
const ENTITY = /&(?:#(\d{1,7})|#x([0-9a-f]{1,6})|([a-z]{2,8}));/gi
/**
 * Control and format characters, private use, lone surrogates, and the variation selectors beyond emoji: what a person
 * does not see, but a model may obey.
 */
const INVISIBLE = /[\p{Cc}\p{Cf}\p{Co}\p{Cs}]|[\u{e0100}-\u{e01ef}]/gu
const MAX_URL = 2048

const ENTITIES: ReadonlyMap<string, string> = new Map([
  ["amp", "&"],
  ["lt", "<"],
  ["gt", ">"],
  ["quot", '"'],
  ["apos", "'"],
  ["nbsp", " "],
  ["hellip", "…"],
  ["ndash", "–"],
  ["mdash", "—"],
  ["lsquo", "‘"],
  ["rsquo", "’"],
  ["ldquo", "“"],
  ["rdquo", "”"],
  ["middot", "·"],
  ["bull", "•"]
])

/** No markup, no control or invisible characters, one line, cut at `length`. */
export const plainText = (text: string, length: number): string => {
  const plain = text
    .replace(TAG, "")
    .replace(ENTITY, (entity, decimal?: string, hex?: string, name?: string) =>
      name === undefined
        ? character(decimal === undefined ? Number.parseInt(hex ?? "", 16) : Number(decimal))
        : (ENTITIES.get(name.toLowerCase()) ?? entity)
    )
    .replace(/\s+/g, " ")
    .replace(INVISIBLE, "")
    .trim()
  if (plain.length <= length) return plain
  // A cut may leave half of a character behind.
  return `${plain.slice(0, length - 1).replace(INVISIBLE, "")}…`
}

const character = (codePoint: number) => (codePoint > 0 && codePoint <= 0x10ffff ? String.fromCodePoint(codePoint) : "")

/** A link for people to follow: http or https, in the one spelling of the URL standard. */
export const webUrl = (text: string): string | undefined => {
  const url = URL.canParse(text) ? new URL(text) : undefined
  const isWeb = url?.protocol === "https:" || url?.protocol === "http:"
  return isWeb && url.username === "" && url.password === "" && url.href.length <= MAX_URL ? url.href : undefined
}
