import { expect, test } from 'vitest'
import { pollFor } from '../dev/testing/serverProcess.ts'
import { lastAudit, useServer, world } from '../dev/testing/world.ts'
import { createLog } from '../platform/kernel/log.ts'
import { recordIsolation } from './agentIsolation.ts'

const server = useServer()

test('A new agent is isolated from the start, and an earlier one stays as it was until nothing is missing', async () => {
  const { company, agent } = await world(server())
  const worker = await agent()
  const { sql } = server().database
  const read = async () => (await sql.query('select isolation from agents where id = $1', [worker.id])).rows
  expect(await read()).toEqual([{ isolation: 'required' }])
  await sql.query(`update agents set isolation = 'pending' where id = $1`, [worker.id])
  const deps = { store: server().store, log: createLog('silent', false) }
  const ids = { agentId: worker.id, companyId: company.id }
  recordIsolation(deps, ids, ['its working folder shows files of this server'])
  recordIsolation(deps, { ...ids, companyId: crypto.randomUUID() }, [])
  expect(await read()).toEqual([{ isolation: 'pending' }])
  recordIsolation(deps, ids, [])
  await pollFor('the agent is isolated from now on', async () => (await read())[0]?.isolation === 'required')
  expect(await lastAudit(server(), worker.id, 'agent.isolated')).toMatchObject({ actorType: 'system' })
})
