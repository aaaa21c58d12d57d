// The row of a company, and its last issue number.

import { eq, sql } from 'drizzle-orm'
import { z } from 'zod'
import { createCompanyBody, patchCompanyBody } from '../org/companies/index.ts'
import { LOCAL_BOARD } from '../auth/personSessions.ts'
import { companies, issueCounters, memberships } from '../model/companies.ts'
import { companyStatus } from '../model/companyStatus.ts'
import { isCompanyDeleted } from '../model/deletions.ts'
import type { CompanyStatus } from '../model/companyStatus.ts'
import { insertRows } from '../platform/db/insertRows.ts'
import { changed, mutate, unchanged } from '../platform/db/mutate.ts'
import { param, statement } from '../platform/db/statement.ts'
import type { ReadDb, Tx } from '../platform/db/types.ts'
import { lockCompany } from '../org/companies/index.ts'
import { count, createdColumn, idColumn, needed, orElse, updatedColumn } from './columns.ts'
import type { Fitted } from './columns.ts'
import { companyMovedOver, moveFinished } from './events.ts'
import { BEING_DELETED, DELETED_HERE, selectDeleted } from './move.ts'
import type { Move } from './move.ts'

/** The largest issue number that comes: numbers that are drawn here afterwards have room above it. */
export const MAX_ISSUE_NUMBER = 1_000_000_000

const prefix = z.string().regex(/^[A-Z][A-Z0-9]{0,219}$/, 'Expected a prefix of capital letters')

/** The companies of the source. Their table has no `company_id`, so they are read by `readCompanies`. */
export const companyColumns = {
  id: idColumn,
  name: needed('text', 'name', createCompanyBody.shape.name),
  description: orElse('text', 'description', createCompanyBody.shape.description, null),
  status: needed('text', 'status', z.enum(companyStatus.statuses)),
  issuePrefix: needed('text', 'issue_prefix', prefix),
  issueCounter: orElse('int', 'issue_counter', z.int().min(0).max(MAX_ISSUE_NUMBER), 0),
  budgetMonthlyCents: orElse('int', 'budget_monthly_cents', count, 0),
  requireBoardApprovalForNewAgents: orElse('bool', 'require_board_approval_for_new_agents', z.boolean(), true),
  brandColor: orElse('text', 'brand_color', patchCompanyBody.shape.brandColor, null),
  createdAt: createdColumn,
  updatedAt: updatedColumn,
} as const
export type SourceCompany = Fitted<typeof companyColumns>

const insertCompany = insertRows('moveover_company', companies, [
  'id',
  'name',
  'description',
  'status',
  'issuePrefix',
  'budgetMonthlyCents',
  'requireBoardApprovalForNewAgents',
  'feedbackDataSharingEnabled',
  'brandColor',
  'pauseReason',
  'pausedAt',
  'createdAt',
  'updatedAt',
])

interface Occupant {
  readonly id: string
  readonly issuePrefix: string
  readonly status: CompanyStatus
  readonly pauseReason: string | null
  /** Its deletion has begun: the API does not know it any more, and its rows are deleted in several transactions. */
  readonly isBeingDeleted: boolean
}

const selectOccupants = statement<{ id: string; issuePrefix: string }, Occupant>('moveover_company_places').read(sql`
  select id::text as id, issue_prefix as "issuePrefix", status, pause_reason as "pauseReason", ${isCompanyDeleted(companies.id)} as "isBeingDeleted"
  from ${companies}
  where id = ${param('id', 'uuid')} or issue_prefix = ${param('issuePrefix', 'text')}`)

/** The place that a company of the source has here. */
export type Place = { readonly kind: 'new' } | { readonly kind: 'here' } | { readonly kind: 'taken'; readonly reason: string }

/** Where a company of the source has its place here. @param db to look in: the transaction that makes the company, or a read before it */
async function findPlace(db: Pick<ReadDb, 'run'> | Tx, { id, issuePrefix }: SourceCompany): Promise<Place> {
  const occupants = await db.run(selectOccupants, { id, issuePrefix })
  const own = occupants.find((each) => each.id === id)
  if (own?.isBeingDeleted === true) return { kind: 'taken', reason: BEING_DELETED }
  if (own?.issuePrefix === issuePrefix) return { kind: 'here' }
  if (own !== undefined) return { kind: 'taken', reason: `a company with its id has the prefix ${own.issuePrefix} here` }
  const other = occupants.find((each) => each.issuePrefix === issuePrefix)
  if (other !== undefined) return { kind: 'taken', reason: `another company has the issue prefix ${issuePrefix} here` }
  const [deleted] = await db.run(selectDeleted, { ids: [id], companyId: id, actions: ['company.deleted', 'company.deletion_begun'] })
  return deleted === undefined ? { kind: 'new' } : { kind: 'taken', reason: DELETED_HERE }
}

/** Looks whether a company can come, or has come. */
export const placeOf = ({ store }: Pick<Move, 'store'>, company: SourceCompany): Promise<Place> => findPlace(store.read, company)

const ADVISORY_CLASS = sql.raw('7074')

// Two moves of one company at once: the second finds the company of the first.
const lockCompanyId = statement<{ id: string }, object>('moveover_company_lock').read(
  sql`select pg_advisory_xact_lock(${ADVISORY_CLASS}, hashtext(${param('id', 'text')}))`,
)

/** The reason of the pause in which a company arrives. Nothing of it starts before it is whole and the operator lets it. */
const ARRIVAL = 'system'

/**
 * Makes the row of a company. It arrives paused, or archived as it was: its agents may write with their keys, and the server starts none of
 * them until the operator has entered the secrets, stopped the old server and resumed the company.
 */
export async function bringCompany(move: Move, company: SourceCompany): Promise<Place> {
  return await mutate<Place>(move.ctx, async (tx) => {
    await tx.run(lockCompanyId, company)
    const place = await findPlace(tx, company)
    if (place.kind !== 'new') return unchanged(place)
    const { issueCounter, status, description, brandColor, ...row } = company
    const isArchived = status === 'archived'
    const pausedAt = isArchived ? null : company.updatedAt
    await insertCompany(tx, [
      {
        ...row,
        description: description ?? null,
        brandColor: brandColor ?? null,
        status: isArchived ? status : 'paused',
        feedbackDataSharingEnabled: false,
        pauseReason: isArchived ? null : ARRIVAL,
        pausedAt,
      },
    ])
    await tx.insert(memberships).values({ companyId: company.id, principalType: 'user', principalId: LOCAL_BOARD, membershipRole: 'owner' })
    await raiseCounter(tx, company.id, issueCounter)
    const details = { name: company.name, issuePrefix: company.issuePrefix, statusInSource: status, source: { ...move.place } }
    return changed(place, companyMovedOver(company.id, details))
  })
}

const raise = statement<{ companyId: string; lastNumber: number }, never>('moveover_counter').write(sql`
  insert into ${issueCounters} as c (company_id, last_number) values (${param('companyId', 'uuid')}, ${param('lastNumber', 'int')})
  on conflict (company_id) do update set last_number = greatest(c.last_number, excluded.last_number)`)

/** (tx) Sets the counter of issues past a number. It never goes back. */
export const raiseCounter = async (tx: Tx, companyId: string, lastNumber: number): Promise<void> =>
  void (await tx.run(raise, { companyId, lastNumber }))

/**
 * Ends a move: records what it brought, and lets the company work as it did in the source when that was asked for. A company that a person
 * has paused since stays paused.
 */
export async function finishCompany(move: Move, company: SourceCompany, activate: boolean): Promise<boolean> {
  const tables = Object.fromEntries([...move.tally.tables].map(([name, { brought, refused }]) => [name, { brought, refused }]))
  return await mutate<boolean>(move.ctx, async (tx) => {
    await lockCompany(tx, company.id)
    const here = (await tx.run(selectOccupants, company)).find(({ id }) => id === company.id)
    const isActivated = activate && company.status === 'active' && here?.status === 'paused' && here.pauseReason === ARRIVAL
    if (!isActivated && Object.values(tables).every(({ brought }) => brought === 0)) return unchanged(false)
    if (isActivated)
      await tx.update(companies).set({ status: 'active', pauseReason: null, pausedAt: null }).where(eq(companies.id, company.id))
    return changed(isActivated, moveFinished(company.id, { isActivated, tables, source: { ...move.place } }))
  })
}
