import { sql } from 'drizzle-orm'
import type { Ctx } from '../../platform/db/types.ts'
import { companyOf } from '../../platform/db/context.ts'
import { changed, mutate } from '../../platform/db/mutate.ts'
import { companies } from '../../model/companies.ts'
import { inboxDismissals } from '../../model/issues.ts'
import { keyset } from '../../platform/db/keyset.ts'
import type { KeysetParams, PageRequest } from '../../platform/db/keyset.ts'
import { columnsOf, param, dynamicRead, statement } from '../../platform/db/statement.ts'
import { invariant, refuse } from '../../platform/kernel/errors.ts'
import type { Page } from '../../platform/kernel/page.ts'
import { inboxDismissed } from './events.ts'
import type { DismissalRow } from './views.ts'

interface InboxOwner {
  readonly companyId: string
  readonly userId: string
}

/** The inbox of the acting person, never of a person that a body names (I8). */
function inboxOwnerOf(ctx: Ctx): InboxOwner {
  invariant(ctx.actor.kind === 'board', 'only people have an inbox')
  return { companyId: companyOf(ctx), userId: ctx.actor.userId }
}

const upsertDismissal = statement<InboxOwner & { itemKey: string }, DismissalRow>('inbox_dismiss').write(sql`
  insert into ${inboxDismissals} (company_id, user_id, item_key)
  select c.id, ${param('userId', 'text')}, ${param('itemKey', 'text')} from ${companies} c where c.id = ${param('companyId')}
  on conflict (company_id, user_id, item_key) do update set dismissed_at = now(), updated_at = now()
  returning ${columnsOf(inboxDismissals)}`)

/** Dismisses an item in the acting person's inbox. A repeat moves the time to now. @throws Refusal `not_found` for the company */
export async function dismissInInbox(ctx: Ctx, itemKey: string): Promise<DismissalRow> {
  const { companyId, userId } = inboxOwnerOf(ctx)
  return await mutate(ctx, async (tx) => {
    const [row] = await tx.run(upsertDismissal, { companyId, userId, itemKey })
    if (row === undefined) refuse('not_found', { message: 'Company not found' })
    return changed(row, inboxDismissed(companyId, { userId, itemKey, dismissedAt: row.dismissedAt }))
  })
}

const listOrder = keyset('desc', [
  { field: 'dismissedAt', column: 'dismissed_at', type: 'timestamptz' },
  { field: 'id', column: 'id', type: 'uuid' },
])

const listStatement = dynamicRead<KeysetParams & InboxOwner, DismissalRow>('inbox_dismissals')

/** The items that the acting person has dismissed, the latest first. */
export async function listDismissals(ctx: Ctx, request: PageRequest): Promise<Page<DismissalRow>> {
  const page = listOrder.page(request)
  return await page.read(
    ctx.store.read,
    listStatement(
      String(page.hasCursor),
      () => sql`
      select ${columnsOf(inboxDismissals)} from ${inboxDismissals}
      where company_id = ${param('companyId')} and user_id = ${param('userId')} ${page.andAfterCursor}
      order by ${listOrder.orderBy} limit ${param('limit', 'int')}`,
    ),
    { ...inboxOwnerOf(ctx), ...page.params },
  )
}
