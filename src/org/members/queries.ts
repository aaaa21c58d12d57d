import { sql } from 'drizzle-orm'
import { grants, memberships } from '../../model/companies.ts'
import { people } from '../../model/people.ts'
import { byCreation } from '../../platform/db/keyset.ts'
import type { KeysetParams, PageRequest } from '../../platform/db/keyset.ts'
import { columnsOf, dynamicRead, jsonPairsOf, param, statement } from '../../platform/db/statement.ts'
import type { PageDb, ReadDb } from '../../platform/db/types.ts'
import { refuse } from '../../platform/kernel/errors.ts'
import type { Page } from '../../platform/kernel/page.ts'
import type { MemberView } from './views.ts'

const memberColumns = sql`${columnsOf(memberships)},
  (select json_build_object('id', p.id, 'name', p.name, 'email', p.email) from ${people} p
    where "company_memberships"."principal_type" = 'user' and p.id = "company_memberships"."principal_id") as "user",
  (select coalesce(json_agg(json_build_object(${jsonPairsOf(grants)}) order by ${grants.permissionKey}), '[]'::json) from ${grants}
    where ${grants.companyId} = "company_memberships"."company_id" and ${grants.principalType} = "company_memberships"."principal_type"
      and ${grants.principalId} = "company_memberships"."principal_id") as grants`

const listOrder = byCreation('asc')
const listStatement = dynamicRead<KeysetParams & { companyId: string }, MemberView>('member_list')

/** The members of a company, oldest first. */
export async function listMembers(db: PageDb, companyId: string, request: PageRequest): Promise<Page<MemberView>> {
  const page = listOrder.page(request)
  return await page.read(
    db,
    listStatement(
      String(page.hasCursor),
      () => sql`select ${memberColumns} from ${memberships} where company_id = ${param('companyId', 'uuid')} ${page.andAfterCursor}
        order by ${listOrder.orderBy} limit ${param('limit', 'int')}`,
    ),
    { ...page.params, companyId },
  )
}

const selectMember = statement<{ id: string; companyId: string }, MemberView>('member_by_id').read(sql`
  select ${memberColumns} from ${memberships} where id = ${param('id', 'uuid')} and company_id = ${param('companyId', 'uuid')}`)

/** One member of a company. @throws Refusal `not_found` */
export async function memberById(db: Pick<ReadDb, 'run'>, companyId: string, id: string): Promise<MemberView> {
  const [member] = await db.run(selectMember, { id, companyId })
  return member ?? refuse('not_found', { message: 'Member not found' })
}
