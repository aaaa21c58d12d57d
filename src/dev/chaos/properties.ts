/** The properties that must hold under every fault. The report prints the text of each property. */
export const properties = {
  endsOnce: 'every run ends exactly once',
  endsWhole: 'no issue references an ended run, from the commit of its end on (LOCK_PROTOCOL §6)',
  executedOnce: 'no command is executed twice for one run, without a claim, or after the lease expired',
  claimedOnce: 'no run is claimed twice',
  freedInTime: 'no dead run holds an issue longer than lease + 10 s (I3)',
  takenAtOnce: 'one ordinary checkout takes an issue that a dead run holds (I3)',
  noDeadlock: 'no deadlock: 40P01 never happens (I13)',
  audited: 'every change has its audit row in its own transaction (I6)',
  accepted: 'every accepted request has exactly its audit row, every refused request has none (I6, I9)',
  kept: 'every acknowledged change is stored, row and audit row (I15)',
  holder: 'an issue has one live holder, a run of its assignee, and no other run writes it (I1, I4)',
  live: 'no dead run writes (I2)',
  evicted: 'no run writes an issue from which it was evicted (I5)',
  granted: 'no reservation is granted beyond a limit, and none is left by a run that has ended (I11)',
  overspent: 'beyond a limit spends only what ran when it was crossed (I11)',
  countedOnce: 'every acknowledged cost event is counted once, in every sum and every window',
  crossings: 'a crossed limit has one incident from that commit on, and its stop is carried out',
  readers: 'each reader receives each event once, in order',
  answers: 'no answer has a status from 500 on, except 503 with Retry-After (I14)',
  stopped: 'a server stopped beyond its lease loses its runs, does not act for them, and serves again',
  orphans: 'no process of a run is left behind',
  chain: 'the chain over the audit log is intact (I7)',
  orderly: 'servers log no internal error and exit with code 0 after SIGTERM',
  enough: 'enough runs and faults happened for a valid result',
} as const
export type Property = keyof typeof properties

/** The result of checking one property. */
export interface Finding {
  readonly property: Property
  /** How often the property was checked, as text. */
  readonly coverage: string
  /** The first violations, at most five. */
  readonly violations: readonly string[]
  /** The number of all violations. */
  readonly count: number
}

/** Violations reported per property. Thousands of the same kind add no information. */
const MAX_REPORTED = 5

/** Collects violations and coverage while a chaos test runs. */
export interface Findings {
  /** Records one violation of a property. */
  reportViolation(property: Property, detail: string): void
  /** Records how often a property was checked. A later call replaces the text of an earlier one. */
  reportCoverage(property: Property, description: string): void
  readonly hasViolations: () => boolean
  /** One finding per property, in the order of `properties`. */
  readonly all: () => readonly Finding[]
}

export function collectFindings(): Findings {
  const violations = new Map<Property, string[]>()
  const counts = new Map<Property, number>()
  const coverage = new Map<Property, string>()
  return {
    reportViolation(property, detail) {
      counts.set(property, (counts.get(property) ?? 0) + 1)
      const reported = violations.get(property) ?? []
      if (reported.length < MAX_REPORTED) violations.set(property, [...reported, detail])
    },
    reportCoverage: (property, description) => void coverage.set(property, description),
    hasViolations: () => counts.size > 0,
    all: () =>
      (Object.keys(properties) as Property[]).map((property) => ({
        property,
        coverage: coverage.get(property) ?? '',
        violations: violations.get(property) ?? [],
        count: counts.get(property) ?? 0,
      })),
  }
}
