/**
 * Who begins when, and who is turned away, where more is asked than can be done at once.
 *
 * The event loop reads whatever has come, and accepts one new connection, each time that it comes round. If it did all that it read before it
 * came round again, a crowd of busy connections would make each turn long, keep newcomers out for as long as it is there,
 * and let nobody know how long they wait. So a turn begins work for `TURN_MS` alone. The rest waits here, in the order
 * in which it came, and whoever has waited for `mostMs` is turned away: at that time and not at once, or those who ask
 * again at once would take all the time that is saved by it. Also who would wait too long for the database waits here.
 *
 * Plain numbers and functions, since it is every request's way.
 */

/** They come by address, not by name, often, and never wait. */
export const PROBES: ReadonlySet<string> = new Set(["/healthz", "/readyz"])

const TURN_MS = 2
/** What a request is believed to take before any did, and at most, since sometimes it is the machine that rests. */
const [FIRST_COST_MS, MOST_COST_MS] = [0.1, 20]
/** What a turn counts for at most where the time is counted for which somebody waits. */
const MOST_TURN_MS = 50
/** Of eight turns, about, the mean is kept. */
const WEIGHT = 1 / 8
/** More would only wait to be turned away; and a connection may ask again and again without waiting for answers. */
const MOST_WAITING = 20_000
/** So many are no crowd, however slow the machine: they may wait so many times as long. */
const [FEW, LONGER] = [64, 8]
/** How soon it is looked again whether the database has time. */
const LOOK_AGAIN_MS = 5
/** So long without a refusal, and it is over. */
const CALM_MS = 1000

/** A request at the door. */
export interface Visit {
  readonly begin: () => void
  readonly refuse: () => void
  readonly isGone: () => boolean
}

/** First come, first served. */
class Line {
  private visits: Array<{ readonly visit: Visit; readonly until: number } | undefined> = []
  private first = 0
  /** How long the wait for the database may be, as a share of what is allowed, when one of these begins. */
  readonly share: number

  constructor(share: number) {
    this.share = share
  }

  get length() {
    return this.visits.length - this.first
  }

  add(visit: Visit, until: number) {
    this.visits.push({ visit, until })
  }

  isOverdue(time: number) {
    return (this.visits[this.first]?.until ?? Number.POSITIVE_INFINITY) <= time
  }

  take(): Visit | undefined {
    const next = this.visits[this.first]?.visit
    // Its place is left empty, or a request would stay, with its body, until all of a thousand behind it had begun.
    this.visits[this.first++] = undefined
    if (this.first > 1024 || this.length === 0) {
      this.visits.splice(0, this.first)
      this.first = 0
    }
    return next
  }
}

export interface AdmissionOptions {
  readonly mostMs: number
  /** How long somebody who comes now waits for the database, in milliseconds. */
  readonly queueMs: (now: number) => number
  readonly onBegin: (facts: Readonly<Record<string, number>>) => void
  readonly onEnd: (facts: Readonly<Record<string, number>>) => void
  /** The clock and the event loop, which a test brings along. */
  readonly now?: () => number
  readonly nextTurn?: (then: () => void) => void
  readonly later?: (then: () => void, milliseconds: number) => void
}

export interface Admission {
  readonly ask: (path: string, visit: Visit) => void
  /** A new connection was accepted, and more may be waiting for that. */
  readonly accepted: () => void
  /** Since the start. */
  readonly counts: { admitted: number; refused: number }
}

/** It keeps no process from ending. */
const unrefTimer = (then: () => void, milliseconds: number) => void setTimeout(then, milliseconds).unref()

export const makeAdmission = ({
  mostMs,
  queueMs,
  onBegin,
  onEnd,
  now = () => performance.now(),
  nextTurn = setImmediate,
  later = unrefTimer
}: AdmissionOptions): Admission => {
  const counts = { admitted: 0, refused: 0 }
  // A call hardly needs the database, and where it does, the store says no. What begins something gives way to what goes on.
  const calls = new Line(Number.POSITIVE_INFINITY)
  const grants = new Line(1)
  const pages = new Line(0.5)
  const lines = [calls, grants, pages]
  const lineOf = new Map([
    ["/mcp", calls],
    ["/mcp/", calls],
    ["/token", grants],
    ["/revoke", grants],
    ["/introspect", grants],
    ["/userinfo", grants]
  ])
  /** In turns, so that nobody is kept out for good. */
  const orders = [
    ...Array.from({ length: 4 }, () => [
      [calls, grants, pages],
      [grants, calls, pages]
    ])
      .flat()
      .slice(1),
    [pages, grants, calls]
  ]
  let order = 0

  const waiting = () => calls.length + grants.length + pages.length

  const mayBegin = (line: Line, at: number) => queueMs(at) <= line.share * mostMs
  let before: { readonly at: number; readonly admitted: number; readonly refused: number } | undefined
  const watch = (last: number) =>
    later(() => {
      if (counts.refused !== last) return watch(counts.refused)
      if (before === undefined) return
      onEnd({
        seconds: Math.round((now() - before.at) / 1000),
        refused: counts.refused - before.refused,
        admitted: counts.admitted - before.admitted
      })
      before = undefined
    }, CALM_MS)
  const turnAway = (visit: Visit, at: number) => {
    if (before === undefined) {
      before = { at, ...counts }
      onBegin({ waiting: waiting(), database_queue_ms: Math.round(queueMs(at)) })
      watch(counts.refused)
    }
    counts.refused++
    visit.refuse()
  }

  /** What a request takes of the loop, in milliseconds, on the mean: what a turn took, by how many began in it. */
  let cost = FIRST_COST_MS
  const mostBegun = () => Math.max(1, Math.floor(TURN_MS / cost))
  let begun = 0
  const begin = (visit: Visit) => {
    begun++
    counts.admitted++
    visit.begin()
  }

  /** Turns away whoever has waited too long, and begins what a turn has time for; whether more could have begun. */
  const serve = (came: number): boolean => {
    for (let at = came; at - came < TURN_MS / 2; at = now()) {
      const grace = waiting() > FEW ? 0 : (LONGER - 1) * mostMs
      const visit = lines.find((line) => line.isOverdue(time - grace))?.take()
      if (visit === undefined) break
      if (!visit.isGone()) turnAway(visit, at)
    }
    for (const most = mostBegun(); begun < most; ) {
      const line = orders[order++ % orders.length]?.find((line) => line.length > 0 && mayBegin(line, came))
      if (line === undefined) return false
      const visit = line.take()
      if (visit !== undefined && !visit.isGone()) begin(visit)
    }
    return true
  }

  /** Time as those who wait have it: that the machine, or one request, holds everybody up for once is no reason to turn them away. */
  let time = 0
  let looked = 0
  const pass = (at: number) => {
    time += Math.min(at - looked, MOST_TURN_MS)
    looked = at
  }

  /** When the loop last came round; unknown while it is at rest. */
  let turnBegan: number | undefined
  /** When what had begun in a turn was over. */
  let workedAt = 0
  let isAsked = false
  let isNewcomer = false
  let isCrowded = false
  // While an immediate waits, the loop does not sleep, so that from one to the next only work is measured.
  const comeRound = () => {
    const at = now()
    pass(at)
    if (begun > 0) {
      cost += (Math.min((at - (turnBegan ?? at)) / begun, MOST_COST_MS) - cost) * WEIGHT
      workedAt = at
      begun = 0
    }
    // One is accepted a turn: where there may be more, some turns are for them alone, and short; or they would wait where
    // nobody sees it. Until they are in, whoever comes takes a place in the line.
    const isForNewcomers = isNewcomer && at - workedAt < TURN_MS
    const goesOn = isForNewcomers || (waiting() > 0 && serve(at)) || isAsked || isNewcomer
    isCrowded = isNewcomer
    isAsked = false
    isNewcomer = false
    turnBegan = goesOn ? at : undefined
    if (goesOn) nextTurn(comeRound)
    else if (waiting() > 0) later(wake, LOOK_AGAIN_MS)
  }
  const wake = () => {
    if (turnBegan !== undefined) return
    turnBegan = workedAt = now()
    pass(turnBegan)
    nextTurn(comeRound)
  }

  const ask = (path: string, visit: Visit) => {
    if (PROBES.has(path)) return visit.begin()
    wake()
    isAsked = true
    const at = now()
    const line = lineOf.get(path) ?? pages
    if (line.length === 0 && !isCrowded && begun < mostBegun() && mayBegin(line, at)) return begin(visit)
    if (waiting() >= MOST_WAITING) return turnAway(visit, at)
    line.add(visit, time + mostMs)
  }
  return {
    ask,
    accepted: () => {
      wake()
      isNewcomer = true
    },
    counts
  }
}
