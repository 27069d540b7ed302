/** Bytes as lines, each held up to a size: what a child writes without an end costs no more than that. */

const NEWLINE = 10

export interface LinesOptions {
  readonly maxBytes: number
  /** A line without its end; `isCut` if there was more of it. */
  readonly onLine: (line: Buffer, isCut: boolean) => void
  /** The line that is being read is too long, whether or not it will ever end. */
  readonly onTooLong?: () => void
}

/** Takes bytes as they come. */
export const makeLines = ({ maxBytes, onLine, onTooLong }: LinesOptions): ((bytes: Uint8Array) => void) => {
  let parts: Array<Buffer> = []
  let size = 0
  let isCut = false

  const hold = (part: Buffer) => {
    const room = maxBytes - size
    if (part.length > room && !isCut) {
      isCut = true
      onTooLong?.()
    }
    if (room <= 0 || part.length === 0) return
    const kept = part.length > room ? part.subarray(0, room) : part
    parts.push(kept)
    size += kept.length
  }

  return (bytes) => {
    const chunk = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length)
    let from = 0
    for (let end = chunk.indexOf(NEWLINE); end >= 0; end = chunk.indexOf(NEWLINE, from)) {
      hold(chunk.subarray(from, end))
      const [only = Buffer.alloc(0)] = parts
      const line = parts.length > 1 ? Buffer.concat(parts, size) : only
      const wasCut = isCut
      parts = []
      size = 0
      isCut = false
      from = end + 1
      onLine(line, wasCut)
    }
    hold(chunk.subarray(from))
  }
}
