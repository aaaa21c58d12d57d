import { cpSync, mkdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import type { Law } from './laws.ts'

/** A change of one file; the text is there exactly once, or the mutant is out of date and says so. */
interface Edit {
  readonly file: string
  readonly find: string
  readonly replace: string
}

/** A fault that is planted into a copy of the program, to see that the torture sees it. */
export interface Mutant {
  readonly name: string
  readonly what: string
  readonly edits: readonly Edit[]
  /** Who catches it. Others may as well. */
  readonly caughtBy: readonly Law[]
}

export const mutants: readonly Mutant[] = [
  {
    name: 'audit-outside',
    what: 'the audit rows are written in a transaction of their own, after the change has committed',
    edits: [
      {
        file: 'src/db/mutate.ts',
        find: 'const [settledValue, rows] = await Promise.all([value, record(connection, drafts), kept])\n        return { value: settledValue, rows }',
        replace: 'const [settledValue] = await Promise.all([value, kept])\n        return { value: settledValue, rows: [], drafts }',
      },
      {
        file: 'src/db/mutate.ts',
        find: '    return await transaction(\n      ctx.store.pool,',
        replace: '    const done: any = await transaction(\n      ctx.store.pool,',
      },
      {
        file: 'src/db/mutate.ts',
        find: '  } catch (error) {\n    const backendPid = doubtOf(error)',
        replace: `    const rows = await transaction(
      ctx.store.pool,
      async () => null,
      (connection) => record(connection, done.drafts),
    )
    return { value: done.value, rows }
  } catch (error) {
    const backendPid = doubtOf(error)`,
      },
    ],
    caughtBy: ['audited'],
  },
  {
    name: 'finish-without-clearing',
    what: 'the end of a run leaves the issues that name it as they are',
    edits: [
      {
        file: 'src/holds/end.ts',
        find: "const held = locked.issues.filter((issue) => endingIds.has(issue.checkoutRunId ?? '') || endingIds.has(issue.executionRunId ?? ''))",
        replace: 'const held: readonly LockedIssue[] = []',
      },
    ],
    caughtBy: ['endsWhole'],
  },
  {
    name: 'lease-ignored',
    what: 'a run lives as long as its status says so, however long ago its lease ran out',
    edits: [
      {
        file: 'src/runs/facts.ts',
        find: "sql`(r.status in ('queued', 'running') and r.lease_expires_at > clock_timestamp())`",
        replace: "sql`(r.status in ('queued', 'running'))`",
      },
      {
        file: 'src/access/standing.ts',
        find: "r.status in ('queued', 'running') and r.lease_expires_at > now() and",
        replace: "r.status in ('queued', 'running') and",
      },
      { file: 'src/execution/startable.ts', find: ' and b.lease_expires_at > clock_timestamp())`', replace: ')`' },
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
    what: 'a run that lost an issue by decree may take it back',
    edits: [
      {
        file: 'src/holds/facts.ts',
        find: "where e.issue_id = ${param('issueId', 'uuid')} and e.run_id = ${param('actingRunId', 'uuid')}) as evicted",
        replace: "where e.issue_id = ${param('issueId', 'uuid')} and e.run_id = ${param('actingRunId', 'uuid')} and false) as evicted",
      },
    ],
    caughtBy: ['evicted'],
  },
  {
    name: 'claim-unlocked',
    what: 'servers claim queued runs without SKIP LOCKED and without looking at their status again',
    edits: [
      { file: 'src/execution/claimRun.ts', find: '    for no key update skip locked`),', replace: '    `),' },
      {
        file: 'src/execution/claimRun.ts',
        find: "return run?.status === 'queued' && run.live ? run : null",
        replace: 'return run ?? null',
      },
      {
        file: 'src/execution/claimRun.ts',
        find: "if (run?.status !== 'queued') return { kind: 'gone' }",
        replace: "if (run == null) return { kind: 'gone' }",
      },
      {
        file: 'src/runs/start.ts',
        find: " and status = 'queued' and lease_expires_at > clock_timestamp()",
        replace: '',
      },
    ],
    caughtBy: ['claimedOnce', 'executedOnce'],
  },
  {
    name: 'keys-forgotten',
    what: 'a request under an Idempotency-Key has its effect as often as it is sent',
    edits: [
      {
        file: 'src/db/idempotency.ts',
        find: 'return stored === undefined ? null : replay(claim, stored)',
        replace: 'return stored === undefined ? null : null',
      },
      { file: 'src/db/idempotency.ts', find: 'if (found[0] !== undefined) throw', replace: 'if (found[0] === null) throw' },
    ],
    caughtBy: ['accepted'],
  },
  {
    name: 'commits-unflushed',
    what: 'a change is acknowledged before it is on disk',
    edits: [{ file: 'src/db/client.ts', find: '`-c timezone=UTC', replace: '`-c synchronous_commit=off -c timezone=UTC' }],
    // What is lost may also be a claim, and then its command is executed again.
    caughtBy: ['kept', 'accepted', 'executedOnce'],
  },
  {
    name: 'read-by-number',
    what: 'followers are told what has been committed without regard to what is still under way',
    edits: [
      {
        file: 'src/realtime/look.ts',
        find: "${param('activitySeq', 'bigint')})\n          and txid < pg_snapshot_xmin(pg_current_snapshot())",
        replace: "${param('activitySeq', 'bigint')})",
      },
    ],
    caughtBy: ['readers'],
  },
  {
    name: 'orphans-left',
    what: 'nobody ends the processes that a server leaves behind when it is killed',
    edits: [
      {
        file: 'src/scheduler/orphans.ts',
        find: 'const end = await endOrphan(identityOf(orphan), orphan.id, GRACE_MS)',
        replace: "const end = (await Promise.resolve('gone')) as OrphanEnd",
      },
    ],
    caughtBy: ['orphans'],
  },
]

const root = path.resolve(import.meta.dirname, '../..')

/** The program as it is. */
export const original = root

/**
 * Copies the program and plants the fault.
 * @param folder to be made
 * @throws when a text that is to be replaced is not there exactly once
 */
export function plant({ name, edits }: Mutant, folder: string): string {
  mkdirSync(folder)
  for (const part of ['src', 'drizzle', 'package.json', 'tsconfig.json'])
    cpSync(path.join(root, part), path.join(folder, part), { recursive: true })
  symlinkSync(path.join(root, 'node_modules'), path.join(folder, 'node_modules'))
  for (const { file, find, replace } of edits) {
    const target = path.join(folder, file)
    const parts = readFileSync(target, 'utf8').split(find)
    if (parts.length !== 2) throw new Error(`mutant ${name}: ${file} has its text ${parts.length - 1} times, not once: ${find}`)
    writeFileSync(target, parts.join(replace))
  }
  return folder
}
