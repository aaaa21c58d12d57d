import { cpSync, mkdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import type { Property } from './properties.ts'

/** One replacement in one file. The file must contain `find` exactly once; otherwise the mutant is out of date. */
interface Edit {
  readonly file: string
  readonly find: string
  readonly replace: string
}

/** A bug that the chaos test plants into a copy of the program to show that a property catches it. */
export interface Mutant {
  readonly name: string
  readonly description: string
  readonly edits: readonly Edit[]
  /** Properties that catch the bug. Other properties may catch it too. */
  readonly caughtBy: readonly Property[]
}

/** Every mutant. Each replaces text of the current source, so a change of that source must change the mutant too. */
export const mutants: readonly Mutant[] = [
  {
    name: 'audit-outside',
    description: 'the audit rows are written in a separate transaction after the change has committed',
    edits: [
      {
        file: 'src/platform/db/mutate.ts',
        find: 'const [resolvedValue, rows] = await Promise.all([value, insertAuditRows(connection, drafts), storing])\n        return { value: resolvedValue, rows }',
        replace: 'const [resolvedValue] = await Promise.all([value, storing])\n        return { value: resolvedValue, rows: [], drafts }',
      },
      {
        file: 'src/platform/db/mutate.ts',
        find: '    return await transaction(\n      ctx.store.transactionPool,',
        replace: '    const done: any = await transaction(\n      ctx.store.transactionPool,',
      },
      {
        file: 'src/platform/db/mutate.ts',
        find: '  } catch (error) {\n    const commit = inDoubtCommit(error)',
        replace: `    const rows = await transaction(
      ctx.store.transactionPool,
      async () => null,
      (connection) => insertAuditRows(connection, done.drafts),
    )
    return { value: done.value, rows }
  } catch (error) {
    const commit = inDoubtCommit(error)`,
      },
    ],
    caughtBy: ['audited'],
  },
  {
    name: 'finish-without-clearing',
    description: 'the end of a run does not clear the issues that reference the run',
    edits: [
      {
        file: 'src/engine/holds/endRuns.ts',
        find: "const held = locked.issues.filter((issue) => endingIds.has(issue.checkoutRunId ?? '') || endingIds.has(issue.executionRunId ?? ''))",
        replace: 'const held: readonly LockedIssue[] = []',
      },
    ],
    caughtBy: ['endsWhole'],
  },
  {
    name: 'lease-ignored',
    description: 'a run counts as live until its status changes, even after its lease has expired',
    edits: [
      {
        file: 'src/model/runs.ts',
        find: 'in ${sql.raw(unendedStatuses)} and ${hasLease(alias)})`',
        replace: 'in ${sql.raw(unendedStatuses)})`',
      },
      {
        file: 'src/model/runs.ts',
        find: "sql.raw(`${columnOf(alias, 'lease_expires_at')} > clock_timestamp()`)",
        replace: "sql.raw('true')",
      },
      {
        file: 'src/auth/credentialStatus.ts',
        find: "r.status in ('queued', 'running') and r.lease_expires_at > now() and",
        replace: "r.status in ('queued', 'running') and",
      },
      { file: 'src/control/dispatch/startable.ts', find: " and ${hasLease('b')})`", replace: ')`' },
      {
        file: 'src/scheduler/reap.ts',
        find: "sql`${isUnended('r')} and r.lease_expires_at <= now()`",
        replace: 'sql`false`',
      },
    ],
    caughtBy: ['freedInTime', 'takenAtOnce', 'live'],
  },
  {
    name: 'eviction-ignored',
    description: 'an evicted run may take the issue again',
    edits: [
      {
        file: 'src/engine/holds/holdFacts.ts',
        find: "where e.issue_id = ${param('issueId', 'uuid')} and e.run_id = ${param('actingRunId', 'uuid')}) as evicted",
        replace: "where e.issue_id = ${param('issueId', 'uuid')} and e.run_id = ${param('actingRunId', 'uuid')} and false) as evicted",
      },
    ],
    caughtBy: ['evicted'],
  },
  {
    name: 'claim-unlocked',
    description: 'servers claim queued runs without SKIP LOCKED and without a second check of the status',
    edits: [
      { file: 'src/control/dispatch/startQueuedRun.ts', find: '    for no key update skip locked`),', replace: '    `),' },
      {
        file: 'src/control/dispatch/startQueuedRun.ts',
        find: "(run?.status === 'queued' && run.live ? run : null)",
        replace: '(run ?? null)',
      },
      {
        file: 'src/engine/runs/start.ts',
        find: " and status = 'queued' and ${hasLease()}",
        replace: '',
      },
    ],
    caughtBy: ['claimedOnce', 'executedOnce'],
  },
  {
    name: 'keys-forgotten',
    description: 'every repeat of a request with an Idempotency-Key takes effect again',
    edits: [
      {
        file: 'src/platform/db/idempotency.ts',
        find: 'return stored === undefined ? null : replay(idempotency, stored)',
        replace: 'return stored === undefined ? null : null',
      },
      { file: 'src/platform/db/idempotency.ts', find: 'if (found[0] !== undefined) throw', replace: 'if (found[0] === null) throw' },
    ],
    caughtBy: ['accepted'],
  },
  {
    name: 'commits-unflushed',
    description: 'a change is acknowledged before it is on disk',
    edits: [
      {
        file: 'src/platform/db/driver/client.ts',
        find: "Settings = { timezone: 'UTC',",
        replace: "Settings = { synchronous_commit: 'off', timezone: 'UTC',",
      },
    ],
    // A lost commit may be a claim; then the command is executed a second time.
    caughtBy: ['kept', 'accepted', 'executedOnce'],
  },
  {
    name: 'read-by-number',
    description: 'subscribers receive committed events without regard to transactions still in progress',
    edits: [
      {
        file: 'src/observe/events/readAfter.ts',
        find: "${param('activitySeq', 'bigint')})\n          and txid <= ${param('horizon', 'xid8')}",
        replace: "${param('activitySeq', 'bigint')})",
      },
    ],
    caughtBy: ['readers'],
  },
  {
    name: 'orphans-left',
    description: 'the orphan reaper does not end the processes that a killed server leaves behind',
    edits: [
      {
        file: 'src/scheduler/orphanReaper.ts',
        find: 'const outcome = await killOrphan(identityOf(orphan), orphan.id, KILL_GRACE_MS)',
        replace: "const outcome = (await Promise.resolve('gone')) as OrphanOutcome",
      },
    ],
    caughtBy: ['orphans'],
  },
  {
    name: 'reserve-unlocked',
    description: 'a reservation is decided without the lock of the limit',
    edits: [
      {
        file: 'src/engine/budgets/facts.ts',
        find: '${isAbove(projectOfIssue)} and ${isUnreserved} order by bp.id for no key update`)',
        replace: '${isAbove(projectOfIssue)} and ${isUnreserved} order by bp.id`)',
      },
    ],
    caughtBy: ['granted'],
  },
  {
    name: 'give-back-forgotten',
    description: 'the end of a run leaves what it has reserved',
    edits: [
      {
        file: 'src/engine/holds/endRuns.ts',
        find: '  if (locked.hasReservations) giveBackAtEnd(tx, [...endingIds])\n',
        replace: '',
      },
    ],
    caughtBy: ['granted'],
  },
]

const repositoryRoot = path.resolve(import.meta.dirname, '../../..')

/** The folder of the unchanged program. */
export const programRoot = repositoryRoot

/**
 * Copies the program and plants the bug.
 * @param folder the folder to create
 * @returns the folder of the copy
 * @throws when a file does not contain the text to replace exactly once
 */
export function applyMutant({ name, edits }: Mutant, folder: string): string {
  mkdirSync(folder)
  for (const part of ['src', 'drizzle', 'package.json', 'tsconfig.json'])
    cpSync(path.join(repositoryRoot, part), path.join(folder, part), { recursive: true })
  symlinkSync(path.join(repositoryRoot, 'node_modules'), path.join(folder, 'node_modules'))
  for (const { file, find, replace } of edits) {
    const target = path.join(folder, file)
    const parts = readFileSync(target, 'utf8').split(find)
    if (parts.length !== 2) throw new Error(`mutant ${name}: ${file} contains its text ${parts.length - 1} times, not once: ${find}`)
    writeFileSync(target, parts.join(replace))
  }
  return folder
}
