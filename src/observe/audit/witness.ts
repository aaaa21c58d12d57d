// The witness of the chains: the file of heads in the home, and a copy of its last line's number and signature in the database.

import { createHash } from 'node:crypto'
import { hostname } from 'node:os'
import path from 'node:path'
import { sql } from 'drizzle-orm'
import { activityChain, auditWitnesses } from '../../model/audit.ts'
import { isoJson, param, statement } from '../../platform/db/statement.ts'
import type { ReadDb, Store } from '../../platform/db/types.ts'
import { writeUnaudited } from '../../platform/db/unaudited.ts'
import type { Log } from '../../platform/kernel/log.ts'
import type { Instant } from '../../platform/kernel/time.ts'
import type { HeadFile, WrittenLine } from './heads.ts'
import { assessWitness } from './witnessRules.ts'
import type { WitnessFacts, WitnessFinding } from './witnessRules.ts'
import type { HeadHistory } from './headHistory.ts'
import { isProblem } from './witnessProblems.ts'
import type { WitnessProblem } from './witnessProblems.ts'

interface CopyRow {
  readonly line: number | null
  readonly signature: string | null
  readonly hasSealedRows: boolean
  readonly hasOtherWitness: boolean
  readonly hasOtherKeyAtPlace: boolean
  readonly at: Instant
}

const readCopy = statement<{ keyId: string; place: string }, CopyRow>('witness_read').read(sql`
  select own.line, own.signature, exists (select 1 from ${activityChain}) as "hasSealedRows",
    exists (select 1 from ${auditWitnesses} where key_id <> ${param('keyId')}) as "hasOtherWitness",
    exists (select 1 from ${auditWitnesses} where key_id <> ${param('keyId')} and place = ${param('place')}) as "hasOtherKeyAtPlace",
    ${isoJson(sql`clock_timestamp()`)} as at
  from (select 1) once left join ${auditWitnesses} own on own.key_id = ${param('keyId')}`)

// A line never goes back: a trigger refuses it, and where two servers share a home the later line stays.
const storeCopy = statement<{ keyId: string; place: string; cluster: string | null } & WrittenLine, never>('witness_store').unaudited(sql`
  insert into ${auditWitnesses} as own (key_id, place, line, signature, cluster)
  values (${param('keyId')}, ${param('place')}, ${param('line', 'bigint')}, ${param('signature')}, ${param('cluster')})
  on conflict (key_id) do update set line = excluded.line, signature = excluded.signature, place = excluded.place,
    cluster = excluded.cluster, updated_at = now()
    where own.line < excluded.line`)

/** Names a home without saying where it is. A new key at the place of another one is a replaced key; at a new place it is a new home. */
const placeOf = (home: string): string =>
  createHash('sha256')
    .update(JSON.stringify([hostname(), path.resolve(home)]))
    .digest('hex')
    .slice(0, 16)

/**
 * Reads what is known of a home's witness. The copy is read before the file, because lines are written to the file first.
 * @param companyId restricts the heads of the history to one company; null for all
 */
export async function readWitness(
  db: Pick<ReadDb, 'run'>,
  file: HeadFile,
  companyId: string | null,
): Promise<WitnessFacts & { readonly at: Instant; readonly finding: WitnessFinding }> {
  const [row] = await db.run(readCopy, { keyId: file.keyId(), place: placeOf(file.home) })
  const copied = await file.lastCopied()
  const history = await file.readHistory(companyId)
  const facts = {
    copy: row === undefined || row.line === null || row.signature === null ? null : { line: row.line, signature: row.signature },
    copied,
    history,
    hasSealedRows: row?.hasSealedRows ?? false,
    hasOtherWitness: row?.hasOtherWitness ?? false,
    hasOtherKeyAtPlace: row?.hasOtherKeyAtPlace ?? false,
  }
  return { ...facts, at: row?.at ?? '', finding: assessWitness(facts) }
}

/** The first problem that a history or a finding names. */
export function problemOf({ problems }: HeadHistory, finding: WitnessFinding): WitnessProblem | null {
  const noted = problems[0]?.note ?? null
  if (isProblem(noted)) return noted
  return isProblem(finding) ? finding : null
}

const doubtOf = (file: HeadFile, history: HeadHistory, finding: WitnessFinding): WitnessProblem | 'contradicted' | null =>
  problemOf(history, finding) ??
  (history.heads.some((head) => head.contradicts !== undefined && file.isGenuine(head)) ? 'contradicted' : null)

const clusterQuery = statement<object, { cluster: string }>('witness_cluster').read(
  sql`select system_identifier::text as cluster from pg_control_system()`,
)

/** Postgres's identifier of the cluster; null where the login may not read it. */
export const readCluster = async (db: Pick<ReadDb, 'run'>): Promise<string | null> =>
  db.run(clusterQuery, {}).then(
    ([row]) => row?.cluster ?? null,
    () => null,
  )

/** A home's witness while a server works. */
export interface Witness {
  /** Compares file and copy, once per process, before the first row is sealed; notes a problem in both, so that it is never lost. */
  open(): Promise<void>
  /**
   * Writes lines to the file, and then their number and signature to the database.
   * @param after the number behind which the lines are to be, where the file ends before it
   */
  append(lines: Parameters<HeadFile['append']>[0], after?: number): Promise<WrittenLine | null>
}

const BEGINNINGS: Readonly<Record<string, string>> = {
  adopted: 'the file of audit heads was adopted: its lines are numbered and chained from now on',
  joined: 'this home begins to witness audit chains that other servers sealed',
}

/** Creates the witness of a home. */
export function createWitness(store: Store, file: HeadFile, log: Log): Witness {
  let isOpen = false
  let stored = 0

  let cluster: string | null | undefined

  const append: Witness['append'] = async (lines, after = 0) => {
    const written = await file.append(lines, stored, after)
    if (written === null) return null
    cluster ??= await readCluster(store.read)
    await writeUnaudited(store, storeCopy, { keyId: file.keyId(), place: placeOf(file.home), cluster, ...written })
    stored = written.line
    return written
  }

  return {
    append,
    async open() {
      if (isOpen) return
      const { copy, copied, finding, history, at } = await readWitness(store.read, file, null)
      stored = copy?.line ?? 0
      if (finding !== null) {
        if (isProblem(finding))
          log.error({ problem: finding, line: copy?.line ?? history.last?.line ?? 0 }, 'the witness of the audit chains is damaged')
        else if (BEGINNINGS[finding] !== undefined) log.info({ lines: history.heads.length }, BEGINNINGS[finding])
        await append([{ note: finding, at }], Math.max(copy?.line ?? 0, copied?.line ?? 0))
      }
      file.state.doubt = doubtOf(file, history, finding)
      isOpen = true
    },
  }
}
