// The end of a backup, a restore or a rehearsal by a signal.

import type { Maintenance } from '../platform/db/driver/maintenance.ts'
import { startProblem } from '../platform/kernel/startProblem.ts'
import type { Stage } from './target.ts'

/** Works with a session that ends in the middle of its statement when the signal comes: a COPY or a wait for a lock would go on for minutes. */
export async function whileNotAborted<T>(session: Maintenance, signal: AbortSignal | undefined, work: () => Promise<T>): Promise<T> {
  signal?.throwIfAborted()
  const abort = (): void => session.abort()
  signal?.addEventListener('abort', abort, { once: true })
  try {
    return await work()
  } finally {
    signal?.removeEventListener('abort', abort)
  }
}

const AGAIN = 'run the same command again, which goes on from here, or drop the database'

const sentences: Readonly<Record<Stage, string>> = {
  begun: `no row of the backup is in the database, which is marked, so that no server starts on it: ${AGAIN}`,
  loaded: `all rows of the backup are in the database and nothing that was alive then has ended; it is marked, so that no server starts on it: ${AGAIN}`,
  ended: `all rows of the backup are in the database and its credentials have ended, but not all of its runs, and new keys are not issued; it is marked, so that no server starts on it: ${AGAIN}`,
  issued: `all rows of the backup are in the database and what was alive then has ended; the last step is missing, so no server starts on it: ${AGAIN}`,
}

/** The sentence of a restore that a signal ended. @param stage the last one that was reached; null while the target was not touched */
export const interruptedRestore = (stage: Stage | null, cause: unknown): Error =>
  startProblem(`The restore was ended: ${stage === null ? 'nothing was changed' : sentences[stage]}`, cause)
