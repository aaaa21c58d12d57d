/** The answers of the other workers to a question. */
export interface PeerAnswers {
  readonly answers: readonly unknown[]
  /** Whether every other worker has answered. One that is stopped or busy does not within the time. */
  readonly isComplete: boolean
}

/**
 * The other workers of this server: processes of this host that serve on the same port and share its home. Everything that decides is in the database; they share
 * the things that one process keeps in its memory.
 */
export interface Peers {
  /** The number of this worker, from 1. A worker that takes the place of one that died gets its number. */
  readonly number: number
  /** Asks every other worker. */
  ask(topic: string): Promise<PeerAnswers>
  /** Answers the questions of a topic. */
  answer(topic: string, give: () => unknown): void
  /** Sends a value to every other worker, also to those that start later. */
  notify(topic: string, value: unknown): void
  /** Sends a hint to every other worker that serves now. One that is lost costs time and nothing else. */
  hint(topic: string): void
  /** Receives the values of a topic, and those of before that were kept for a worker that starts. */
  onNotice(topic: string, take: (value: unknown) => void): void
  /** Keeps a key for all workers until a time, in milliseconds since 1970. */
  keep(key: string, untilMs: number): void
  /** Takes a key away. @returns until when it was kept; undefined when it is not there, or another worker took it */
  take(key: string): Promise<number | undefined>
}
