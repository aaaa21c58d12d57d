import { expect, onTestFinished, test } from 'vitest'
import { waitForLockWaiter } from '../../dev/testing/holds.ts'
import { useServer, world } from '../../dev/testing/world.ts'
import type { World } from '../../dev/testing/world.ts'

const server = useServer()

const numberOf = ({ identifier }: { identifier: string }): number => Number(identifier.split('-')[1])
const create = async (here: World, at = server()) => await at.board.post(`/api/companies/${here.company.id}/issues`, { title: 'Counted' })

/** A transaction of another client, left open until the test ends. */
async function openTransaction(statement: string, params: unknown[]) {
  const connection = await server().database.sql.connect()
  await connection.query('begin')
  await connection.query(statement, params)
  const end = async (): Promise<void> => void (await connection.query('rollback'))
  onTestFinished(async () => {
    await end()
    connection.release()
  })
  return { end }
}

test('Twenty creations at once on two servers get the twenty numbers after the last, each once', async () => {
  const here = await world(server())
  const peer = await server().startPeer()
  onTestFinished(() => peer.stop())
  const answers = await Promise.all(Array.from({ length: 20 }, (_, at) => create(here, at % 2 === 0 ? server() : peer)))
  expect(answers.map(({ status }) => status)).toEqual(answers.map(() => 201))
  const numbers = answers.map(({ body }) => numberOf(body)).toSorted((one, other) => one - other)
  expect(numbers).toEqual(Array.from({ length: 20 }, (_, at) => at + 1))
  expect((await server().board.get(`/api/companies/${here.company.id}`)).body.issueCounter).toBe(20)
})

test('A creation waits for no other one of its company, and a change of the company waits for it', async () => {
  const here = await world(server())
  // As a creation that has written its row and does not commit.
  const { end } = await openTransaction('select 1 from companies where id = $1 for share', [here.company.id])
  expect(await create(here)).toMatchObject({ status: 201 })
  const archived = server().board.post(`/api/companies/${here.company.id}/archive`)
  await waitForLockWaiter(server())
  await end()
  expect(await archived).toMatchObject({ status: 200 })
  expect(await create(here)).toMatchObject({ status: 409, body: { code: 'company_not_active' } })
})

test('A creation that is refused may lose its number, and no number comes again', async () => {
  const here = await world(server())
  const first = numberOf((await create(here)).body)
  const missing = '00000000-0000-4000-8000-000000000000'
  const refused = await server().board.post(`/api/companies/${here.company.id}/issues`, { title: 'Lost', projectId: missing })
  expect(refused.status).toBe(422)
  const next = numberOf((await create(here)).body)
  expect([next - first, (await server().board.get(`/api/companies/${here.company.id}`)).body.issueCounter]).toEqual([2, next])
  const child = await server().board.post(`/api/issues/${(await create(here)).body.id}/children`, { title: 'Child' })
  expect(numberOf(child.body)).toBe(next + 2)
})
