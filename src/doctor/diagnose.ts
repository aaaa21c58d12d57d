import type { HeadFile } from '../observe/audit/index.ts'
import { readSchemaState } from '../platform/db/migrations.ts'
import type { Pool } from '../platform/db/driver/client.ts'
import type { ReadDb, Store } from '../platform/db/types.ts'
import { findingOf } from './check.ts'
import type { Check, Finding, SqlCheck } from './check.ts'
import { holdChecks } from './holdChecks.ts'
import {
  checkDisk,
  checkHome,
  checkNode,
  checkPort,
  degradedServer,
  fullDisk,
  oldNode,
  oldKeysFile,
  openFile,
  openHome,
  openKeysFile,
  silentServer,
  takenPort,
  unisolatedAgents,
  unreachableDatabase,
  unreadableHome,
  wrongConfiguration,
} from './hostChecks.ts'
import { mendFinding } from './mend.ts'
import { moneyChecks } from './moneyChecks.ts'
import { checkClock, clockSkew, postgresChecks } from './postgresChecks.ts'
import { brokenChain, damagedWitness, noWitness, recordChecks, verifyChains } from './recordChecks.ts'
import { checkReferences, mixedTenants, orphans } from './referenceChecks.ts'
import { rowChecks } from './rowChecks.ts'
import { changedObject, checkSchemaObjects, missingObject } from './schemaChecks.ts'
import { checkVault, lockedVault } from './vaultChecks.ts'

const behind: Check = {
  id: 'schema.behind',
  level: 'warning',
  meaning: 'The database was not migrated to this release yet, so nothing in it was checked.',
  remedy: 'Back the database up, and start a server of this release: it migrates before it opens its port.',
  mends: null,
}

const ahead: Check = {
  id: 'schema.ahead',
  level: 'fault',
  meaning: 'The database was migrated by another release than this one, so no server of this release starts on it.',
  remedy: 'Install the release that migrated it, or a newer one, or restore the backup from before the upgrade.',
  mends: null,
}

const unchecked: Check = {
  id: 'doctor.unchecked',
  level: 'warning',
  meaning: 'A check could not be made, so its fault may be there.',
  remedy: 'Run the doctor again when the database has less to do, or with a login that may read what the error names.',
  mends: null,
}

const sqlChecks: readonly SqlCheck[] = [...postgresChecks, ...recordChecks, ...holdChecks, ...moneyChecks, ...rowChecks]

/** Every kind of finding, in the order of the document. */
export const allChecks: readonly Check[] = [
  oldNode,
  unreadableHome,
  openHome,
  openFile,
  openKeysFile,
  oldKeysFile,
  fullDisk,
  takenPort,
  wrongConfiguration,
  silentServer,
  degradedServer,
  unisolatedAgents,
  clockSkew,
  unreachableDatabase,
  behind,
  ahead,
  missingObject,
  changedObject,
  ...postgresChecks,
  ...recordChecks,
  brokenChain,
  damagedWitness,
  noWitness,
  ...holdChecks,
  ...moneyChecks,
  ...rowChecks,
  orphans,
  mixedTenants,
  lockedVault,
  unchecked,
]

/** Checks the host and the home, without a database. @param address where the server would listen; null while it runs */
export const diagnoseHost = async (home: string, address: { readonly host: string; readonly port: number } | null): Promise<Finding[]> => [
  ...checkNode(),
  ...checkHome(home),
  ...checkDisk(home),
  ...(address === null ? [] : await checkPort(address)),
]

/** Compares the schema with this build. @param pool of the owner. @returns null when a check of the rows has a sense */
export async function diagnoseSchema(pool: Pool): Promise<Finding[] | null> {
  const { pending, problem } = await readSchemaState(pool)
  if (problem !== null) return [findingOf(ahead, problem)]
  return pending === 0 ? null : [findingOf(behind, `${pending} migrations are missing`)]
}

export interface DatabaseFacts {
  /** The heads of the chains outside the database; null where the home has none. */
  readonly heads: HeadFile | null
  /** Whether the home has master keys of secrets. */
  readonly hasKeys: boolean
  /** Whether the chains are recomputed, which reads the whole audit log. */
  readonly verifiesChains: boolean
  /** Ends the diagnosis between two checks. */
  readonly signal?: AbortSignal
}

/** Runs a part of the diagnosis. A failure is a finding and ends nothing. */
async function attempt(name: string, part: () => Promise<Finding[]>, failed: string[]): Promise<Finding[]> {
  try {
    return await part()
  } catch (error) {
    failed.push(`${name}: ${(error as Error).message}`)
    return []
  }
}

async function runSqlCheck(db: Pick<ReadDb, 'run'>, { statement, ...check }: SqlCheck): Promise<Finding[]> {
  const rows = await db.run(statement, {})
  const [first] = rows
  return first === undefined
    ? []
    : [{ ...check, count: first.total, subjects: rows.map(({ companyId, id, what }) => ({ companyId, id, what })) }]
}

/** Checks a migrated database. Everything is read; a check takes one snapshot, so requests of a running server invent no finding. */
export async function diagnoseDatabase(
  db: Pick<ReadDb, 'run'>,
  { heads, hasKeys, verifiesChains, signal }: DatabaseFacts,
): Promise<Finding[]> {
  const failed: string[] = []
  const parts: (readonly [string, () => Promise<Finding[]>])[] = [
    ['host.clock', () => checkClock(db)],
    [missingObject.id, () => checkSchemaObjects(db)],
    ...sqlChecks.map((check) => [check.id, () => runSqlCheck(db, check)] as const),
    ['row.orphan', () => checkReferences(db)],
    ['secret.master-key', () => checkVault(db, hasKeys)],
    ...(verifiesChains ? [['audit.chain', () => verifyChains(db, heads)] as const] : []),
  ]
  const findings: Finding[] = []
  for (const [name, part] of parts) {
    signal?.throwIfAborted()
    findings.push(...(await attempt(name, part, failed)))
  }
  return failed.length === 0 ? findings : [...findings, findingOf(unchecked, ...failed)]
}

/** Rounds of mending: one may make the next possible, and each takes the subjects that a finding lists. */
const MAX_ROUNDS = 50

/** A finding that was mended, and how many rows of it. */
export interface Mended {
  readonly id: string
  readonly count: number
}

/**
 * Mends what can be mended, and looks again until nothing more changes.
 * @param signal ends it between two mends
 * @returns what was mended, and the failures of mends in words
 */
export async function mendAll(
  store: Store,
  findings: readonly Finding[],
  signal?: AbortSignal,
): Promise<{ mended: Mended[]; failed: string[] }> {
  const counts = new Map<string, number>()
  const failed: string[] = []
  const checks = new Map(sqlChecks.map((check) => [check.id, check]))
  for (const { id } of findings.filter(({ mends }) => mends !== null)) {
    const check = checks.get(id)
    for (let round = 0; check !== undefined && round < MAX_ROUNDS; round += 1) {
      signal?.throwIfAborted()
      const [present] = await runSqlCheck(store.read, check)
      if (present === undefined) break
      try {
        const mended = await mendFinding(store, present)
        if (mended === 0) break
        counts.set(id, (counts.get(id) ?? 0) + mended)
      } catch (error) {
        failed.push(`${id}: ${(error as Error).message}`)
        break
      }
    }
  }
  return { mended: [...counts].map(([id, count]) => ({ id, count })), failed }
}
