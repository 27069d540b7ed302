/** What the elements of HTML are to somebody who reads their text. */

const names = (list: string): ReadonlySet<string> => new Set(list.split(" "))

/** Elements without an end tag. */
export const VOID = names(
  "area base basefont bgsound br col embed frame hr img input keygen link meta param source track wbr"
)

/** Elements whose content nobody reads on the page, and controls. */
export const INVISIBLE_ELEMENTS = names(
  "script style title template svg iframe audio video canvas datalist select button textarea noembed noframes"
)

export const LISTS = names("ul ol menu dir dl")
export const CELLS = names("td th caption")

/** Elements that begin on a line of their own, and how far apart they stand: 1 is the next line, 2 leaves one free. */
export const DISTANCE: ReadonlyMap<string, number> = new Map([
  ...[
    ...names(
      "address article blockquote dl fieldset figure frameset h1 h2 h3 h4 h5 h6 hr listing main ol p plaintext pre " +
        "section table ul menu dir xmp"
    )
  ].map((name) => [name, 2] as const),
  ...[
    ...names(
      "aside body caption center dd details dialog div dt figcaption footer form header hgroup html legend li nav " +
        "noscript search summary tbody tfoot thead tr"
    )
  ].map((name) => [name, 1] as const),
  // Cells stand on the line of their row.
  ...["td", "th"].map((name) => [name, 0] as const)
])
export const BLOCKS: ReadonlySet<string> = new Set(DISTANCE.keys())

/** Elements whose blanks are text. */
export const PREFORMATTED = names("pre xmp listing plaintext")

/** Which siblings a start tag ends, whose own end tags may be left out. */
export const LOOSE: ReadonlyMap<string, ReadonlyArray<string>> = new Map([
  ["li", ["li"]],
  ["dt", ["dt", "dd"]],
  ["dd", ["dt", "dd"]],
  ["td", ["td", "th", "caption"]],
  ["th", ["td", "th", "caption"]],
  ["tr", ["tr", "caption"]],
  ["tbody", ["tr", "tbody", "thead", "tfoot", "caption"]],
  ["thead", ["tr", "tbody", "thead", "tfoot", "caption"]],
  ["tfoot", ["tr", "tbody", "thead", "tfoot", "caption"]]
])
