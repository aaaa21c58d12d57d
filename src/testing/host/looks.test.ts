import { expect, test } from 'vitest'
import { useServer, world } from '../../dev/testing/world.ts'
import { findAudits, findHolder, findOrphanHolds } from './looks.ts'

const server = useServer()

test('An issue that names a run which has ended, or whose lease is over, is an orphan with its reason', async () => {
  const { sql } = server().database
  const here = await world(server())
  const { run, issue } = await here.held()
  expect(await findOrphanHolds(sql)).toEqual([])
  expect(await findHolder(sql, issue.id)).toEqual({ runId: run.id, agentId: run.agentId, isLive: true })
  await sql.query("update heartbeat_runs set lease_expires_at = now() - interval '1 second' where id = $1", [run.id])
  expect(await findOrphanHolds(sql)).toEqual([{ issueId: issue.id, identifier: issue.identifier, runId: run.id, because: 'expired' }])
  expect(await findHolder(sql, issue.id)).toMatchObject({ isLive: false })
  await sql.query("update heartbeat_runs set status = 'failed', finished_at = now() where id = $1", [run.id])
  expect(await findOrphanHolds(sql)).toMatchObject([{ because: 'ended' }])
})

test('The audit rows of a thing come in their order, and a foreign id has none', async () => {
  const here = await world(server())
  const { issue } = await here.held()
  const actions = (await findAudits(server().database.sql, issue.id)).map(({ action }) => action)
  expect(actions).toEqual(['issue.created', 'issue.checked_out'])
  expect(await findAudits(server().database.sql, 'none')).toEqual([])
  await expect(findHolder(server().database.sql, here.company.id)).rejects.toThrow('There is no issue')
})
