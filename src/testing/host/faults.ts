// The faults of one server under test: where it is to die, which heartbeats are lost, and which points its work passes.

/** The points of every request beside its statements: it was read, its transaction is to commit, its answer is to be sent. */
export const REQUEST = 'request'
export const COMMIT = 'commit'
export const ANSWER = 'answer'

/** A place between two points of one piece of work. */
interface CrashPlan {
  readonly first: string
  readonly second: string
  readonly matches: (work: string) => boolean
  /** Called when the server is between the two. */
  readonly fire: () => void
}

/** Collects the points that matching work passes. */
export interface Trace {
  readonly matches: (work: string) => boolean
  readonly points: string[]
}

/** The faults of a server. They outlive the server that dies of one: its successor has the rest of them. */
export interface Faults {
  plan: CrashPlan | null
  readonly traces: Set<Trace>
  /** Lost heartbeats by the run that sent them. */
  readonly lostHeartbeats: Map<string, number>
}

export const createFaults = (): Faults => ({ plan: null, traces: new Set(), lostHeartbeats: new Map() })

/** One piece of work of a server: a request, or one turn of a task. */
export interface Work {
  /** `POST /api/issues/…/checkout`, or `task reap`. */
  readonly name: string
  /** The points that it has passed, each with what waits for its answer. */
  readonly passed: Map<string, Point>
}

/** A point of work. A statement is answered when Postgres has executed it. */
export interface Point {
  isAnswered: boolean
  onAnswered: (() => void) | null
}

export const createWork = (name: string): Work => ({ name, passed: new Map() })

/** A name that the work has passed before gets a number: `commit`, `commit#2`. */
function labelFor({ passed }: Work, name: string): string {
  for (let count = 1; ; count += 1) {
    const label = count === 1 ? name : `${name}#${count}`
    if (!passed.has(label)) return label
  }
}

/**
 * Notes that work is about to pass a point.
 * @returns the point; null when the server is to die before it, and then `fire` is called as soon as the first point of the plan is answered
 */
export function pass(faults: Faults, work: Work, name: string): Point | null {
  const label = labelFor(work, name)
  for (const trace of faults.traces) if (trace.matches(work.name)) trace.points.push(label)
  const { plan } = faults
  const first = plan?.second === label && plan.matches(work.name) ? work.passed.get(plan.first) : undefined
  if (plan === null || first === undefined) {
    const point: Point = { isAnswered: false, onAnswered: null }
    work.passed.set(label, point)
    return point
  }
  faults.plan = null
  if (first.isAnswered) plan.fire()
  else first.onAnswered = plan.fire
  return null
}

/** Notes that the server has the answer to a point. */
export function answered(point: Point): void {
  point.isAnswered = true
  point.onAnswered?.()
}

const PARAMETER = /^:\w+$/

/**
 * Whether work has a name of this form: a route as it is declared (`POST /api/issues/:id/checkout`), `task NAME`, or all work.
 * @param of the form; null matches all work
 */
export function workMatcher(of: string | null): (work: string) => boolean {
  if (of === null) return () => true
  const wanted = of.split('/')
  return (work) => {
    const parts = work.split('/')
    return parts.length === wanted.length && wanted.every((part, at) => PARAMETER.test(part) || part === parts[at])
  }
}

const HEARTBEAT = /^POST \/api\/heartbeat-runs\/([^/]+)\/heartbeat$/

/** Whether this request is a heartbeat that is lost on its way; counts it. */
export function losesHeartbeat({ lostHeartbeats }: Faults, work: string): boolean {
  const [, runId = ''] = HEARTBEAT.exec(work) ?? []
  const lost = lostHeartbeats.get(runId.toLowerCase())
  if (lost === undefined) return false
  lostHeartbeats.set(runId.toLowerCase(), lost + 1)
  return true
}
