// Turns of work that several parties want at once: none of them waits for all the work of another.

/** The limits of turns. */
interface Limits {
  /** Works at once, of all parties. */
  readonly atOnce: number
  /** Works at once of one party. */
  readonly perParty: number
}

interface FairTurns {
  /** Does the work of a party when its turn comes. Parties take turns; the works of one party are done in their order. */
  run<T>(party: string, work: () => Promise<T>): Promise<T>
  /** Works of a party that wait for their turn. */
  waiting(party: string): number
}

interface Queue {
  running: number
  readonly waiting: (() => void)[]
}

export function fairTurns({ atOnce, perParty }: Limits): FairTurns {
  // In the order of turns: a party that got one, or whose work has ended, goes to the end.
  const queues = new Map<string, Queue>()
  let running = 0

  const startNext = (): void => {
    for (const [party, queue] of queues) {
      if (running >= atOnce) return
      const next = queue.running < perParty ? queue.waiting.shift() : undefined
      if (next === undefined) continue
      queues.delete(party)
      queues.set(party, queue)
      queue.running += 1
      running += 1
      next()
      return startNext()
    }
  }

  return {
    waiting: (party) => queues.get(party)?.waiting.length ?? 0,
    async run(party, work) {
      const queue = queues.get(party) ?? { running: 0, waiting: [] }
      queues.set(party, queue)
      await new Promise<void>((resolve) => {
        queue.waiting.push(resolve)
        startNext()
      })
      try {
        return await work()
      } finally {
        running -= 1
        queue.running -= 1
        queues.delete(party)
        if (queue.running > 0 || queue.waiting.length > 0) queues.set(party, queue)
        startNext()
      }
    },
  }
}
