/** What people write behind a comma: states, provinces and countries, in the spellings and abbreviations of everyday. */

/** Letters and digits alone, without case and diacritics: `Île-de-France` is `ile de france`, `U.S.A.` is `usa`. */
export const folded = (text: string) =>
  (ASCII.test(text) ? text.toLowerCase() : withoutMarks(text))
    .replaceAll(/[.'’]/g, "")
    .replaceAll(/[^\p{L}\p{N}]+/gu, " ")
    .trim()
    .replaceAll(/\b(?:st|ste|mt|ft)(?= )/g, (short) => LONG[short] ?? short)

const ASCII = /^[ -~]*$/
const withoutMarks = (text: string) =>
  text
    .normalize("NFKD")
    .replaceAll(/\p{M}/gu, "")
    .toLowerCase()
    .replaceAll(/[łøđıß]/g, (letter) => PLAIN[letter] ?? letter)

/** Letters that Unicode does not take apart. */
const PLAIN: Readonly<Record<string, string>> = { ł: "l", ø: "o", đ: "d", ı: "i", ß: "ss" }
const LONG: Readonly<Record<string, string>> = { st: "saint", ste: "sainte", mt: "mount", ft: "fort" }

/** States and provinces by abbreviation, and their country: names as a geocoder knows them, folded. */
const STATES: Readonly<Record<string, string>> = {
  US:
    "al alabama,ak alaska,az arizona,ar arkansas,ca california,co colorado,ct connecticut,de delaware," +
    "dc washington dc,dc district of columbia,fl florida,ga georgia,hi hawaii,id idaho,il illinois,in indiana,ia iowa," +
    "ks kansas,ky kentucky,la louisiana,me maine,md maryland,ma massachusetts,mi michigan,mn minnesota," +
    "ms mississippi,mo missouri,mt montana,ne nebraska,nv nevada,nh new hampshire,nj new jersey,nm new mexico," +
    "ny new york,nc north carolina,nd north dakota,oh ohio,ok oklahoma,or oregon,pa pennsylvania,ri rhode island," +
    "sc south carolina,sd south dakota,tn tennessee,tx texas,ut utah,vt vermont,va virginia,wa washington," +
    "wv west virginia,wi wisconsin,wy wyoming,pr puerto rico",
  CA:
    "ab alberta,bc british columbia,mb manitoba,nb new brunswick,nl newfoundland and labrador,ns nova scotia," +
    "nt northwest territories,nu nunavut,on ontario,pe prince edward island,pei prince edward island,qc quebec," +
    "sk saskatchewan,yt yukon",
  AU:
    "act australian capital territory,nsw new south wales,nt northern territory,qld queensland,sa south australia," +
    "tas tasmania,vic victoria,wa western australia"
}

/** Each reading of an abbreviation: WA is in the United States and in Australia. */
const states = Object.entries(STATES).flatMap(([country, list]) =>
  list.split(",").map((entry) => {
    const [short = "", ...words] = entry.split(" ")
    return { country, short, name: words.join(" ") }
  })
)

/** The states that an abbreviation may mean. */
export const statesOf = (abbreviation: string) => states.filter(({ short }) => short === abbreviation)

/** What `Intl` does not know, or no longer. */
const EVERYDAY: ReadonlyMap<string, string> = new Map(
  Object.entries({
    usa: "US",
    us: "US",
    america: "US",
    "united states of america": "US",
    uk: "GB",
    "great britain": "GB",
    britain: "GB",
    uae: "AE",
    holland: "NL",
    "the netherlands": "NL",
    "czech republic": "CZ",
    turkey: "TR",
    "ivory coast": "CI",
    burma: "MM",
    swaziland: "SZ",
    macedonia: "MK",
    "cape verde": "CV",
    "east timor": "TL",
    "vatican city": "VA",
    congo: "CD",
    drc: "CD",
    korea: "KR",
    "hong kong": "HK",
    macau: "MO"
  })
)

/** Territories with a code of their own that are in another country to those who live there. */
const TERRITORIES: ReadonlyMap<string, string> = new Map(
  Object.entries({
    US: "PR GU VI AS MP",
    CN: "HK MO",
    FR: "GP GF MQ RE YT NC PF PM BL MF",
    GB: "IM JE GG GI",
    NL: "AW CW SX BQ",
    DK: "GL FO"
  }).flatMap(([country, codes]) => codes.split(" ").map((code) => [code, country] as const))
)

/** What places are called in most, beside English. */
const LATIN = ["de", "fr", "es", "it", "pt", "pl"]
const SCRIPTS: ReadonlyArray<readonly [RegExp, ReadonlyArray<string>]> = [
  [/[\p{sc=Hiragana}\p{sc=Katakana}]/u, ["ja"]],
  [/\p{sc=Hangul}/u, ["ko"]],
  [/\p{sc=Han}/u, ["ja", "zh"]],
  [/[іїєґ]/u, ["uk"]],
  [/[ђјљњћџ]/u, ["sr"]],
  [/\p{sc=Cyrillic}/u, ["ru", "uk", "bg"]],
  [/[پچژگکی]/u, ["fa", "ur"]],
  [/\p{sc=Arabic}/u, ["ar", "fa"]],
  [/\p{sc=Hebrew}/u, ["he"]],
  [/\p{sc=Greek}/u, ["el"]],
  [/\p{sc=Thai}/u, ["th"]],
  [/\p{sc=Devanagari}/u, ["hi", "mr"]],
  [/\p{sc=Bengali}/u, ["bn"]],
  [/\p{sc=Tamil}/u, ["ta"]],
  [/\p{sc=Georgian}/u, ["ka"]],
  [/\p{sc=Armenian}/u, ["hy"]]
]
/** Latin letters that only some languages have. */
const LETTERS: ReadonlyArray<readonly [RegExp, string]> = [
  [/[řěů]/u, "cs"],
  [/[őű]/u, "hu"],
  [/[şğı]/u, "tr"],
  [/[șțăâî]/u, "ro"],
  [/[åø]/u, "da"],
  [/[åäö]/u, "sv"],
  [/[čšž]/u, "hr"],
  [/[ảạấầẩậắằặẻẹếềểệỉịỏọốồổộớờởợủụứừửựỳỷỵđ]/u, "vi"]
]
/** What a place may be called in, beside English: the language of the script, or those that are written most. */
export const languagesOf = (name: string): ReadonlyArray<string> => {
  const text = name.normalize("NFC").toLowerCase()
  const script = SCRIPTS.find(([pattern]) => pattern.test(text))
  if (script !== undefined) return script[1]
  return [...LATIN, ...LETTERS.filter(([letters]) => letters.test(text)).map(([, language]) => language)].slice(0, 8)
}

/** Whether a folded name is that of the country with this code: by code, in English, or in one of the languages. */
export const isCountry = (name: string, code: string, languages: ReadonlyArray<string>): boolean =>
  isNamed(name, code, languages) || isNamed(name, TERRITORIES.get(code) ?? code, languages)

const isNamed = (name: string, code: string, languages: ReadonlyArray<string>) =>
  name === code.toLowerCase() ||
  EVERYDAY.get(name) === code ||
  (COUNTRY_CODE.test(code) && ["en", ...languages].some((language) => name === nameOf(code, language)))

const COUNTRY_CODE = /^[A-Z]{2}$/
/** Kept, since a language costs a millisecond to open. There are as many names as languages above have countries. */
const namings = new Map<string, Intl.DisplayNames>()
const names = new Map<string, string>()
const nameOf = (code: string, language: string) => {
  const key = `${language} ${code}`
  const known = names.get(key)
  if (known !== undefined) return known
  const naming = namings.get(language) ?? new Intl.DisplayNames(language, { type: "region", fallback: "none" })
  namings.set(language, naming)
  const name = folded(naming.of(code) ?? "")
  names.set(key, name)
  return name
}

/** Opens the tables of names, which takes longer than a request may: to be called before there is one. */
export const openNames = (): void => {
  for (const language of ["en", ...LATIN]) nameOf("US", language)
}
