/** What must hold whatever happens, in the words of the report. */
export const properties = {
  endsOnce: 'every run ends exactly once',
  endsWhole: 'an ended run is named by no issue from its own commit on (§6)',
  executedOnce: 'no command is executed twice for one run, nor without a claim, nor on a lease that is out',
  claimedOnce: 'no run is claimed twice',
  freedInTime: 'no issue is held by a dead run longer than lease + 10 s (I3)',
  takenAtOnce: 'an issue of a dead run is taken by one ordinary checkout (I3)',
  noDeadlock: 'no deadlock: 40P01 never happens (I13)',
  audited: 'every change has its audit row in its own transaction (I6)',
  accepted: 'every accepted request has exactly its audit row, every refused one none (I6, I9)',
  kept: 'what was acknowledged is there, row and audit row (I15)',
  holder: 'one live holder, a run of the assignee; nobody writes beside it (I1, I4)',
  live: 'no write by a run that is dead (I2)',
  evicted: 'no write by a run that lost the issue by decree (I5)',
  readers: 'each reader sees each event once, in order',
  answers: 'no answer from 500 on, except 503 with Retry-After (I14)',
  stopped: 'a server stopped beyond its lease loses its runs, does nothing as them, and serves again',
  orphans: 'no process of a run is left behind',
  chain: 'the chain over the audit log is whole (I7)',
  orderly: 'servers say nothing of a bug, and end by SIGTERM with code 0',
  enough: 'enough has happened to tell',
} as const
export type Property = keyof typeof properties

/** What of a law was seen, and what broke it. */
export interface Finding {
  readonly property: Property
  /** How often it was tried, in words. */
  readonly coverage: string
  readonly violations: readonly string[]
  /** Breaches in all; `faults` holds the first. */
  readonly count: number
}

/** Faults of one law that are told; thousands of one kind say no more than a few. */
const MAX_REPORTED = 5

/** Collects what is found while the torture goes on. */
export interface Findings {
  /** A law was broken. */
  reportViolation(property: Property, detail: string): void
  /** Says of how much a law was found true. */
  reportCoverage(property: Property, description: string): void
  readonly hasViolations: () => boolean
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
