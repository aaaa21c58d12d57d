import { cpSync, mkdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import type { Property } from './properties.ts'

/** A change of one file; the text is there exactly once, or the mutant is out of date and says so. */
interface Edit {
  readonly file: string
  readonly find: string
  readonly replace: string
}

/** A fault that is planted into a copy of the program, to see that the torture sees it. */
export interface Mutant {
  readonly name: string
  readonly description: string
  readonly edits: readonly Edit[]
  /** Who catches it. Others may as well. */
  readonly caughtBy: readonly Property[]
}

export const mutants: readonly Mutant[] = [
  {
    name: 'audit-outside',
    description: 'the audit rows are written in a transaction of their own, after the change has committed',
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
    description: 'the end of a run leaves the issues that name it as they are',
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
    description: 'a run lives as long as its status says so, however long ago its lease ran out',
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
        find: "where ${isUnended('r')} and r.lease_expires_at <= now()",
        replace: 'where false',
      },
    ],
    caughtBy: ['freedInTime', 'takenAtOnce', 'live'],
  },
  {
    name: 'eviction-ignored',
    description: 'a run that lost an issue by decree may take it back',
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
    description: 'servers claim queued runs without SKIP LOCKED and without looking at their status again',
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
    description: 'a request under an Idempotency-Key has its effect as often as it is sent',
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
    edits: [{ file: 'src/platform/db/driver/client.ts', find: '`-c timezone=UTC', replace: '`-c synchronous_commit=off -c timezone=UTC' }],
    // What is lost may also be a claim, and then its command is executed again.
    caughtBy: ['kept', 'accepted', 'executedOnce'],
  },
  {
    name: 'read-by-number',
    description: 'followers are told what has been committed without regard to what is still under way',
    edits: [
      {
        file: 'src/observe/events/readAfter.ts',
        find: "${param('activitySeq', 'bigint')})\n          and txid < pg_snapshot_xmin(pg_current_snapshot())",
        replace: "${param('activitySeq', 'bigint')})",
      },
    ],
    caughtBy: ['readers'],
  },
  {
    name: 'orphans-left',
    description: 'nobody ends the processes that a server leaves behind when it is killed',
    edits: [
      {
        file: 'src/scheduler/orphanReaper.ts',
        find: 'const outcome = await killOrphan(identityOf(orphan), orphan.id, KILL_GRACE_MS)',
        replace: "const outcome = (await Promise.resolve('gone')) as OrphanOutcome",
      },
    ],
    caughtBy: ['orphans'],
  },
]

const repositoryRoot = path.resolve(import.meta.dirname, '../../..')

/** The program as it is. */
export const programRoot = repositoryRoot

/**
 * Copies the program and plants the fault.
 * @param folder to be made
 * @throws when a text that is to be replaced is not there exactly once
 */
export function applyMutant({ name, edits }: Mutant, folder: string): string {
  mkdirSync(folder)
  for (const part of ['src', 'drizzle', 'package.json', 'tsconfig.json'])
    cpSync(path.join(repositoryRoot, part), path.join(folder, part), { recursive: true })
  symlinkSync(path.join(repositoryRoot, 'node_modules'), path.join(folder, 'node_modules'))
  for (const { file, find, replace } of edits) {
    const target = path.join(folder, file)
    const parts = readFileSync(target, 'utf8').split(find)
    if (parts.length !== 2) throw new Error(`mutant ${name}: ${file} has its text ${parts.length - 1} times, not once: ${find}`)
    writeFileSync(target, parts.join(replace))
  }
  return folder
}
