import { expect, test } from 'vitest'
import { waitForLockWaiter } from '../../dev/testing/holds.ts'
import { useServer, world } from '../../dev/testing/world.ts'
import type { Answer } from '../../dev/testing/world.ts'

const server = useServer()

/** Changes relations of issues as another request does, under their locks, while a write waits for these. @returns the answer of the write */
async function whileWaiting(issueIds: readonly string[], change: string, write: () => Promise<Answer>): Promise<Answer> {
  const other = await server().database.sql.connect()
  try {
    await other.query('begin read write')
    await other.query('select from issues where id = any($1) order by id for no key update', [issueIds])
    const writing = write()
    await waitForLockWaiter(server())
    await other.query(change)
    await other.query('commit')
    return await writing
  } finally {
    other.release()
  }
}

test('A label that an issue gets while a checkout, a release or a patch waits for it is in the answer', async () => {
  const { company, agent, run, issue, checkout } = await world(server())
  const acting = await run(await agent())
  const { body: label } = await server().board.post(`/api/companies/${company.id}/labels`, { name: 'urgent', color: '#aa0000' })
  const [taken, held, plain] = [await issue(), await issue(), await issue()]
  await checkout(acting, held.id)
  const writes: readonly [string, () => Promise<Answer>][] = [
    [taken.id, () => checkout(acting, taken.id)],
    [held.id, () => acting.client.post(`/api/issues/${held.id}/release`)],
    [plain.id, () => server().board.patch(`/api/issues/${plain.id}`, { title: 'Other' })],
  ]
  for (const [id, write] of writes) {
    const { status, body, text } = await whileWaiting([id], `insert into issue_labels values ('${id}', '${label.id}')`, write)
    expect([status, body.labelIds], text).toEqual([200, [label.id]])
    const shown = (await server().board.get(`/api/issues/${id}`)).body
    expect([body.labels, body.version]).toEqual([shown.labels, shown.version])
  }
})

test.each(['blockedBy', 'blocks'])('A relation that an issue gets while a patch waits for it is in the answer: %s', async (side) => {
  const { issue } = await world(server())
  const [one, other] = [await issue(), await issue()]
  const [blocked, blocker] = side === 'blockedBy' ? [one, other] : [other, one]
  const relate = `insert into issue_blockers (blocked_issue_id, blocker_issue_id) values ('${blocked.id}', '${blocker.id}')`
  const { status, body, text } = await whileWaiting([one.id, other.id], relate, () =>
    server().board.patch(`/api/issues/${one.id}`, { title: 'Other' }),
  )
  expect([status, body[side].map(({ id }: { id: string }) => id)], text).toEqual([200, [other.id]])
})
