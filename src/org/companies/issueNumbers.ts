// Numbers of issues. Two issues of a company never share one; a number is lost when the transaction that drew it fails.

import { sql } from 'drizzle-orm'
import { companies, issueCounters } from '../../model/companies.ts'
import { param, statement } from '../../platform/db/statement.ts'
import type { Store, Tx } from '../../platform/db/types.ts'
import { writeUnaudited } from '../../platform/db/unaudited.ts'
import { refuse } from '../../platform/kernel/errors.ts'

/** The number of an issue, and the prefix of its company: `ACME-7`. */
export interface IssueNumber {
  readonly issueNumber: number
  readonly issuePrefix: string
}

export const identifierOf = ({ issuePrefix, issueNumber }: IssueNumber): string => `${issuePrefix}-${issueNumber}`

interface DrawParams {
  companyId: string
  count: number
}

interface Drawn {
  firstNumber: number
  issuePrefix: string
}

const draw = sql`
  insert into ${issueCounters} as c (company_id, last_number)
  select id, ${param('count', 'int')} from ${companies} where id = ${param('companyId')}
  on conflict (company_id) do update set last_number = c.last_number + excluded.last_number
  returning c.last_number - ${param('count', 'int')} + 1 as "firstNumber",
    (select issue_prefix from ${companies} where id = ${param('companyId')}) as "issuePrefix"`

// It commits without waiting for the disk. A crash of Postgres that loses it also loses the issues with these numbers: they commit later,
// and their commit waits until everything before it is on disk.
const drawForOthers = statement<DrawParams, Drawn>('issue_numbers_draw').unaudited(sql`
  with quick as materialized (select set_config('synchronous_commit', 'off', true)), drawn as (${draw})
  select drawn.* from drawn, quick`)

const drawInside = statement<DrawParams, Drawn>('issue_numbers_inside').write(draw)

const drawnOrMissing = (rows: readonly Drawn[]): Drawn => rows[0] ?? refuse('not_found', { message: 'Company not found' })

/**
 * (tx) Draws `count` numbers for a transaction that inserts many issues. Others of the company that draw wait for its end.
 * @returns the numbers in their order
 */
export async function issueNumbersInside(tx: Tx, companyId: string, count: number): Promise<IssueNumber[]> {
  return numbersFrom(drawnOrMissing(await tx.run(drawInside, { companyId, count })), count)
}

const numbersFrom = ({ firstNumber, issuePrefix }: Drawn, count: number): IssueNumber[] =>
  Array.from({ length: count }, (_, at) => ({ issueNumber: firstNumber + at, issuePrefix }))

interface Caller {
  readonly resolve: (number: IssueNumber) => void
  readonly reject: (error: unknown) => void
}

/** The callers that wait for the draw in progress to end, by store and company. A store of agents waits in their lane. */
const waitingByStore = new WeakMap<Store, Map<string, Caller[]>>()

/**
 * Draws the number of an issue before its transaction begins. Callers that come while a draw of their company is under way share the
 * next one.
 * @throws Refusal `not_found` for a company that does not exist
 */
export async function drawIssueNumber(store: Store, companyId: string): Promise<IssueNumber> {
  const waiting = waitingByStore.get(store) ?? new Map<string, Caller[]>()
  waitingByStore.set(store, waiting)
  return await new Promise<IssueNumber>((resolve, reject) => {
    const callers = waiting.get(companyId)
    if (callers !== undefined) return void callers.push({ resolve, reject })
    waiting.set(companyId, [])
    serve(store, waiting, companyId, [{ resolve, reject }]).catch(reject)
  })
}

/** Draws for callers, and then for those that came meanwhile, until none did. */
async function serve(store: Store, waiting: Map<string, Caller[]>, companyId: string, first: readonly Caller[]): Promise<void> {
  for (let callers = first; callers.length > 0;) {
    await drawFor(store, companyId, callers)
    callers = waiting.get(companyId) ?? []
    waiting.set(companyId, [])
  }
  waiting.delete(companyId)
}

async function drawFor(store: Store, companyId: string, callers: readonly Caller[]): Promise<void> {
  try {
    const rows = await writeUnaudited(store, drawForOthers, { companyId, count: callers.length })
    for (const [at, number] of numbersFrom(drawnOrMissing(rows), callers.length).entries()) callers[at]?.resolve(number)
  } catch (error) {
    for (const { reject } of callers) reject(error)
  }
}
