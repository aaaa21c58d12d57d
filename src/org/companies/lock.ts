import { sql } from 'drizzle-orm'
import { lockingRead, recordShared } from '../../platform/db/locks.ts'
import type { Tx } from '../../platform/db/types.ts'
import { companies } from '../../model/companies.ts'
import { param, statement } from '../../platform/db/statement.ts'
import { refuse } from '../../platform/kernel/errors.ts'
import type { CompanyStatus } from '../../model/companyStatus.ts'

export interface LockedCompany {
  readonly id: string
  readonly name: string
  readonly status: CompanyStatus
}

const lockById = lockingRead(
  'company',
  statement<{ id: string }, LockedCompany>('lock_company').read(
    sql`select id, name, status from ${companies} where id = ${param('id')} for no key update`,
  ),
)

/** (tx) Locks a company's row. @throws Refusal `not_found` */
export async function lockCompany(tx: Tx, id: string): Promise<LockedCompany> {
  const [company] = await lockById(tx, { id })
  if (company === undefined) refuse('not_found', { message: 'Company not found' })
  return company
}

/** (tx) Locks a company's row, for inserting into it. @throws Refusal `not_found`, `company_not_active` when it is archived */
export async function lockUnarchivedCompany(tx: Tx, id: string): Promise<LockedCompany> {
  const company = await lockCompany(tx, id)
  if (company.status === 'archived') refuse('company_not_active', { message: 'Company is archived' })
  return company
}

const shareById = statement<{ id: string }, Pick<LockedCompany, 'id' | 'status'>>('share_company').read(
  sql`select id, status from ${companies} where id = ${param('id')} for share`,
)

/**
 * (tx) As `shareUnarchivedCompany`, for a caller that decides itself about an archived company.
 * @throws Refusal `not_found`
 */
export async function shareCompany(tx: Tx, id: string): Promise<Pick<LockedCompany, 'id' | 'status'>> {
  const [company] = await tx.run(shareById, { id })
  if (company === undefined) refuse('not_found', { message: 'Company not found' })
  recordShared(tx.locks, 'company', id)
  return company
}

/**
 * (tx) Locks a company's row against every change of it and shares the lock with others that insert, so that they do not wait for each
 * other. A transaction that changes the company takes `lockCompany` before this, never behind it.
 * @throws Refusal `not_found`, `company_not_active` when it is archived
 */
export async function shareUnarchivedCompany(tx: Tx, id: string): Promise<void> {
  const { status } = await shareCompany(tx, id)
  if (status === 'archived') refuse('company_not_active', { message: 'Company is archived' })
}
