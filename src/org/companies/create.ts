import { randomInt, randomUUID } from 'node:crypto'
import { sql } from 'drizzle-orm'
import type { Ctx, Tx } from '../../platform/db/types.ts'
import { companies, memberships } from '../../model/companies.ts'
import { changed, mutate } from '../../platform/db/mutate.ts'
import { param, statement } from '../../platform/db/statement.ts'
import { invariant } from '../../platform/kernel/errors.ts'
import type { DomainEvent } from '../../platform/kernel/event.ts'
import { companyCreated } from './events.ts'
import { companyById } from './queries.ts'
import type { CompanyRow } from './queries.ts'
import type { CreateCompany } from './views.ts'

/** The first three letters of the name, in capitals. */
const prefixOf = (name: string): string =>
  name
    .toUpperCase()
    .replaceAll(/[^A-Z]/g, '')
    .slice(0, 3) || 'CMP'

/** Companies with the same three letters get the suffix `A`, `AA`, …. The unique index decides between concurrent ones. */
const MAX_SUFFIX_LENGTH = 200
const RANDOM_LETTERS = 8

/** Letters for the company after those 200: random, so that two at once differ. */
const randomLetters = (): string => Array.from({ length: RANDOM_LETTERS }, () => String.fromCharCode(65 + randomInt(26))).join('')

const insertCompanyRow = statement<
  { id: string; name: string; description: string | null; budgetMonthlyCents: number; issuePrefix: string },
  { id: string }
>('company_insert').write(sql`
  insert into ${companies} (id, name, description, budget_monthly_cents, issue_prefix)
  values (${param('id')}, ${param('name')}, ${param('description')}, ${param('budgetMonthlyCents')}, ${param('issuePrefix')})
  on conflict (issue_prefix) do nothing returning id`)

const selectPrefixes = statement<{ prefix: string }, { taken: string }>('company_prefixes').read(sql`
  select issue_prefix as taken from ${companies} where issue_prefix ~ ('^' || ${param('prefix', 'text')} || 'A*$')`)

async function insertWithUniquePrefix(tx: Tx, company: CreateCompany & { id: string }): Promise<string> {
  const base = prefixOf(company.name)
  const usedPrefixes = new Set((await tx.run(selectPrefixes, { prefix: base })).map((row) => row.taken))
  for (let length = 0; length < MAX_SUFFIX_LENGTH + 10; length += 1) {
    const issuePrefix = base + (length < MAX_SUFFIX_LENGTH ? 'A'.repeat(length) : randomLetters())
    if (usedPrefixes.has(issuePrefix)) continue
    const rows = await tx.run(insertCompanyRow, { ...company, description: company.description ?? null, issuePrefix })
    if (rows.length === 1) return issuePrefix
  }
  invariant(false, 'no free issue prefix')
}

/** (tx) Inserts a company under a free prefix. The acting person becomes its owner. @returns its id and the event */
export async function insertCompany(tx: Tx, ctx: Ctx, input: CreateCompany): Promise<{ id: string; event: DomainEvent }> {
  invariant(ctx.actor.kind === 'board', 'only the board creates companies')
  const id = randomUUID()
  const issuePrefix = await insertWithUniquePrefix(tx, { ...input, id })
  await tx.insert(memberships).values({ companyId: id, principalType: 'user', principalId: ctx.actor.userId, membershipRole: 'owner' })
  return { id, event: companyCreated(id, { name: input.name, issuePrefix }, { companyId: id }) }
}

/** Creates a company. The acting person becomes its owner. */
export async function createCompany(ctx: Ctx, input: CreateCompany): Promise<CompanyRow> {
  return await mutate(ctx, async (tx) => {
    const { id, event } = await insertCompany(tx, ctx, input)
    return changed(await companyById(tx, id), event)
  })
}
