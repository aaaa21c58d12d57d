// The end of a restore: chains are checked, and what was alive when the backup was taken ends. It may be cut anywhere and called again.

import type { Maintenance } from '../platform/db/driver/maintenance.ts'
import type { Store } from '../platform/db/types.ts'
import { checkChains } from './checkChains.ts'
import type { CheckedChains } from './checkChains.ts'
import { endCredentials, revokeKeysOfEarlierAttempt } from './endCredentials.ts'
import type { RestoreOrigin } from './endCredentials.ts'
import { agentsToEnd, endAgentsOfJournal, endRunsOfBackup, runsToEnd } from './endRuns.ts'
import type { EndedAgent } from './endRuns.ts'
import type { Contents, Description } from './format.ts'
import { readJournal } from './journal/file.ts'
import { timelineOfBackup } from './journal/timeline.ts'
import { voucherOf } from './journal/vouch.ts'
import type { JournalProblem } from './journal/problems.ts'
import { keysInUse, putKeys, requireMasterKey } from './keys.ts'
import type { NewKeys } from './keys.ts'
import { issueKeys } from './newKeys.ts'
import type { RestorePlan } from './plan.ts'
import { noteIssued } from './target.ts'
import type { Issued, Mark, Stage } from './target.ts'

/** The help that the end of a restore has, and its limits. */
export interface CompletionOptions {
  /** The home with the journal of revocations; null where there is none. */
  readonly journalHome: string | null
  /** The new file for keys that are issued anew; null revokes them and issues none. */
  readonly newKeysFile: string | null
  /** The time at which the last server on the lost database ended, in milliseconds; the present where it is not known. */
  readonly lostAtMs?: number
  /** Keys that are put into a home at the end. */
  readonly keys?: { readonly keys: NewKeys; readonly home: string }
  /** Ends the work between two of its steps. */
  readonly signal?: AbortSignal
}

/** A loaded database, and what is known of the backup that it was loaded from. */
export interface Loaded {
  readonly session: Maintenance
  readonly store: Store
  readonly mark: Mark
  readonly description: Description
  readonly heads: Contents['heads']
  readonly origin: RestoreOrigin
  /** Called when a stage is reached. */
  readonly reached: (stage: Stage) => void
}

/** The things that a completed restore ended. */
export interface Completion {
  readonly chains: CheckedChains
  readonly endedRuns: number
  readonly ended: Readonly<Record<string, number>>
  /** Why no journal vouched for keys of agents; null when one did. */
  readonly journalProblem: JournalProblem | null
  /** Until when the journal saw the instance; null where it does not say. */
  readonly journalSeenUntil: string | null
  readonly keptKeys: number
  readonly revokedKeys: number
  readonly issuedKeys: number
  /** The file with the keys that were issued anew; null where none were. */
  readonly newKeysFile: string | null
  readonly endedAgents: readonly EndedAgent[]
  /** The files of keys that were put into the home, and those that were not: the backup does not know them, or they are made anew. */
  readonly putKeys: readonly string[]
  readonly leftOutKeys: readonly string[]
}

/** Decides what ends and ends the credentials, in one transaction; an earlier attempt may have done it. */
async function planOf({ store, mark, description, origin, reached }: Loaded, options: CompletionOptions): Promise<RestorePlan> {
  if (mark.plan !== null) return mark.plan
  const journal = options.journalHome === null ? null : await readJournal(options.journalHome)
  const span = { timeline: await timelineOfBackup(store.read), lostAtMs: options.lostAtMs ?? Date.now() }
  const voucher = voucherOf(journal, description, span)
  const planned = {
    runs: await runsToEnd(store.read),
    agents: await agentsToEnd(store.read, voucher),
    keysInUse: await keysInUse(store.read),
  }
  options.signal?.throwIfAborted()
  const plan = await endCredentials(store, origin, voucher, planned)
  reached('ended')
  return plan
}

/** Issues the lost keys anew; an earlier attempt may have written their file, or have been cut before. */
async function issue({ session, store, mark, reached }: Loaded, plan: RestorePlan, options: CompletionOptions): Promise<Issued> {
  if (mark.issued !== null) return mark.issued
  if (mark.plan !== null) await revokeKeysOfEarlierAttempt(store, plan)
  const { newKeysFile, signal } = options
  const count = newKeysFile === null ? 0 : await issueKeys(store, plan.lostKeys, newKeysFile, signal)
  const issued = { file: count === 0 ? null : newKeysFile, count }
  await noteIssued(session, issued)
  reached('issued')
  return issued
}

/**
 * Checks the chains of a database that has all rows of a backup, and ends what was alive in it.
 * @throws an error with a sentence for the operator; the reason of the signal. Called again, it does the rest
 */
export async function completeRestore(loaded: Loaded, options: CompletionOptions): Promise<Completion> {
  const { store, heads, origin } = loaded
  const { signal, keys } = options
  // No server seals meanwhile, so the chains end where they did, also when the rows of this restore stand behind them.
  const chains = await checkChains(store.read, { heads })
  if (keys !== undefined) await requireMasterKey(store.read, keys.keys)
  const plan = await planOf(loaded, options)
  await endAgentsOfJournal(store, plan.agents, signal)
  await endRunsOfBackup(store, plan.runs, origin.takenAt, signal)
  const issued = await issue(loaded, plan, options)
  const put = keys === undefined ? { put: [], leftOut: [] } : await putKeys(keys.keys, keys.home, plan.keysInUse)
  return {
    chains,
    endedRuns: plan.runs.length,
    ended: plan.ended,
    journalProblem: plan.journalProblem,
    journalSeenUntil: plan.journalSeenUntil,
    keptKeys: plan.keptKeyIds.length,
    revokedKeys: plan.revokedKeys,
    issuedKeys: issued.count,
    newKeysFile: issued.file,
    endedAgents: plan.agents.map(({ id, name, end }) => ({ id, name, end })),
    putKeys: put.put,
    leftOutKeys: put.leftOut,
  }
}
