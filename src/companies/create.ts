import { randomUUID } from 'node:crypto'
import { sql } from 'drizzle-orm'
import type { Ctx } from '../db/context.ts'
import { companies, memberships } from '../db/schema/companies.ts'
import { changed, mutate } from '../db/mutate.ts'
import type { Tx } from '../db/mutate.ts'
import { param, statement } from '../db/statement.ts'
import { invariant } from '../kernel/errors.ts'
import type { DomainEvent } from '../kernel/event.ts'
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

/** Companies that share three letters get `A`, `AA`, … behind them; the index keeps them apart, whoever is first. */
const LONGEST_SUFFIX = 200

const insertRow = statement<
  { id: string; name: string; description: string | null; budgetMonthlyCents: number; issuePrefix: string },
  { id: string }
>('company_insert').write(sql`
  insert into ${companies} (id, name, description, budget_monthly_cents, issue_prefix)
  values (${param('id')}, ${param('name')}, ${param('description')}, ${param('budgetMonthlyCents')}, ${param('issuePrefix')})
  on conflict (issue_prefix) do nothing returning id`)

const longestTaken = statement<{ prefix: string }, { taken: string }>('company_prefixes').read(sql`
  select issue_prefix as taken from ${companies} where issue_prefix ~ ('^' || ${param('prefix', 'text')} || 'A*$')`)

async function insertUnderFreePrefix(tx: Tx, company: CreateCompany & { id: string }): Promise<string> {
  const base = prefixOf(company.name)
  const taken = new Set((await tx.run(longestTaken, { prefix: base })).map((row) => row.taken))
  for (let length = 0; length < LONGEST_SUFFIX; length += 1) {
    const issuePrefix = base + 'A'.repeat(length)
    if (taken.has(issuePrefix)) continue
    const rows = await tx.run(insertRow, { ...company, description: company.description ?? null, issuePrefix })
    if (rows.length === 1) return issuePrefix
  }
  throw new Error('invariant broken: no free issue prefix')
}

/** (tx) Inserts a company under a free prefix, with the asking person as its owner. @returns its id, and what happened */
export async function insertCompany(tx: Tx, ctx: Ctx, wanted: CreateCompany): Promise<{ id: string; event: DomainEvent }> {
  invariant(ctx.actor.kind === 'board', 'only the board creates companies')
  const id = randomUUID()
  const issuePrefix = await insertUnderFreePrefix(tx, { ...wanted, id })
  await tx.insert(memberships).values({ companyId: id, principalType: 'user', principalId: ctx.actor.userId, membershipRole: 'owner' })
  return { id, event: companyCreated(id, { name: wanted.name, issuePrefix }, { companyId: id }) }
}

/** Creates a company and makes the asking person its owner. */
export async function createCompany(ctx: Ctx, wanted: CreateCompany): Promise<CompanyRow> {
  return await mutate(ctx, async (tx) => {
    const { id, event } = await insertCompany(tx, ctx, wanted)
    return changed(await companyById(tx, id), event)
  })
}
