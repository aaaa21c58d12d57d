import { sql } from 'drizzle-orm'
import { lockingRead } from '../../platform/db/locks.ts'
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

const raiseIssueCounter = statement<{ id: string; count: number }, { firstNumber: number; issuePrefix: string }>('company_issue_number')
  .write(sql`
  update ${companies} set issue_counter = issue_counter + ${param('count', 'int')} where id = ${param('id')}
  returning issue_counter - ${param('count', 'int')} + 1 as "firstNumber", issue_prefix as "issuePrefix"`)

/** (tx) The first of the next `count` issue numbers of a company. Expects the company's row lock. */
export async function nextIssueNumbers(tx: Tx, id: string, count: number): Promise<{ firstNumber: number; issuePrefix: string }> {
  const [row] = await tx.run(raiseIssueCounter, { id, count })
  if (row === undefined) refuse('not_found', { message: 'Company not found' })
  return row
}
