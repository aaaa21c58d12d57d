/** What must hold whatever happens, in the words of the report. */
export const laws = {
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
export type Law = keyof typeof laws

/** What of a law was seen, and what broke it. */
export interface Finding {
  readonly law: Law
  /** How often it was tried, in words. */
  readonly seen: string
  readonly faults: readonly string[]
  /** Breaches in all; `faults` holds the first. */
  readonly count: number
}

/** Faults of one law that are told; thousands of one kind say no more than a few. */
const MOST_TOLD = 5

/** Collects what is found while the torture goes on. */
export interface Findings {
  /** A law was broken. */
  fault(law: Law, detail: string): void
  /** Says of how much a law was found true. */
  saw(law: Law, what: string): void
  readonly isBroken: () => boolean
  readonly all: () => readonly Finding[]
}

export function collectFindings(): Findings {
  const faults = new Map<Law, string[]>()
  const counts = new Map<Law, number>()
  const seen = new Map<Law, string>()
  return {
    fault(law, detail) {
      counts.set(law, (counts.get(law) ?? 0) + 1)
      const told = faults.get(law) ?? []
      if (told.length < MOST_TOLD) faults.set(law, [...told, detail])
    },
    saw: (law, what) => void seen.set(law, what),
    isBroken: () => counts.size > 0,
    all: () =>
      (Object.keys(laws) as Law[]).map((law) => ({
        law,
        seen: seen.get(law) ?? '',
        faults: faults.get(law) ?? [],
        count: counts.get(law) ?? 0,
      })),
  }
}
