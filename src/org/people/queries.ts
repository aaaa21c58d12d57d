import { sql } from 'drizzle-orm'
import type { z } from 'zod'
import { instanceAdministrators, people } from '../../model/people.ts'
import { secondFactors } from '../../model/secondFactors.ts'
import { keyset } from '../../platform/db/keyset.ts'
import type { KeysetParams, PageRequest } from '../../platform/db/keyset.ts'
import { columnsOf, dynamicRead, param, statement } from '../../platform/db/statement.ts'
import type { Ctx, ReadDb } from '../../platform/db/types.ts'
import { refuse } from '../../platform/kernel/errors.ts'
import type { Page } from '../../platform/kernel/page.ts'
import type { accountView, callerSessionView, PersonView } from './views.ts'

const selectPerson = statement<{ id: string }, PersonView>('person_by_id').read(
  sql`select ${columnsOf(people)} from ${people} where id = ${param('id')}`,
)

/** One person. @throws Refusal `not_found` */
export async function personById(db: Pick<ReadDb, 'run'>, id: string): Promise<PersonView> {
  const [person] = await db.run(selectPerson, { id })
  return person ?? refuse('not_found', { message: 'Person not found' })
}

/** The session by which the caller acts. @throws Refusal `session_required` for a person without one */
export function sessionIdOf({ actor }: Ctx): { readonly userId: string; readonly sessionId: string } {
  if (actor.kind !== 'board' || actor.via !== 'session' || actor.session === null) return refuse('session_required')
  return { userId: actor.userId, sessionId: actor.session.id }
}

const sources = {
  ambient: 'local_implicit',
  token: 'board_key',
  cookie: 'local_implicit',
  session: 'session',
  board_key: 'board_key',
} as const

/** The session of the caller, in the form of Paperclip's API. */
export function readCallerSession({ actor }: Ctx): z.output<typeof callerSessionView> {
  if (actor.kind !== 'board') return refuse('unauthorized')
  const { userId, session, via } = actor
  return {
    session: { id: `paperclip:${sources[via]}:${userId}`, userId },
    user: { id: userId, name: session?.name ?? 'Local Board', email: session?.email ?? null },
  }
}

const listOrder = keyset('asc', [
  { field: 'createdAt', column: 'created_at', type: 'timestamptz' },
  { field: 'id', column: 'id', type: 'text' },
])
const listStatement = dynamicRead<KeysetParams, z.input<typeof accountView>>('people_list')

/** The people who have an account, oldest first. */
export async function listPeople(ctx: Ctx, request: PageRequest): Promise<Page<z.input<typeof accountView>>> {
  const page = listOrder.page(request)
  return await page.read(
    ctx.store.read,
    listStatement(
      String(page.hasCursor),
      () => sql`select ${columnsOf(people)}, exists (select from ${instanceAdministrators} a where a.person_id = people.id) as "isInstanceAdmin",
          exists (select from ${secondFactors} f where f.person_id = people.id and f.confirmed_at is not null) as "hasSecondFactor"
        from ${people} where ${page.condition ?? sql`true`} order by ${listOrder.orderBy} limit ${param('limit', 'int')}`,
    ),
    { ...page.params },
  )
}
