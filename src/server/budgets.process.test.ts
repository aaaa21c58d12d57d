import { afterAll, beforeAll, expect, test } from 'vitest'
import { cloneDatabase } from '../dev/testing/database.ts'
import type { TestDatabase } from '../dev/testing/database.ts'
import { databaseEnvOf, makeHome, pollFor, removeHome, send, spawnServerProcess } from '../dev/testing/serverProcess.ts'
import type { ServerProcess } from '../dev/testing/serverProcess.ts'
import { onThisMachine } from '../dev/testing/slowness.ts'

const SLOW_MS = 120_000
const BOARD_TOKEN = 'pcb_budgets-4be10c6f27ab8e054-of-the-test'
/** Two turns of the task `budgets`, and the time of the signal. */
const STOPPED_WITHIN_MS = 3000

let home = ''
let database: TestDatabase
let server: ServerProcess

beforeAll(async () => {
  home = makeHome()
  database = await cloneDatabase()
  server = spawnServerProcess({
    home,
    env: { ...databaseEnvOf(database.connection, database.owner), PAPERCLIP_AGENT_ISOLATION: 'none', PAPERCLIP_BOARD_TOKEN: BOARD_TOKEN },
  })
  await server.url()
}, SLOW_MS)

afterAll(async () => {
  await server.stop()
  await database.drop()
  await removeHome(home)
}, SLOW_MS)

async function ask(method: string, path: string, body?: unknown) {
  const reply = await send(`${await server.url()}/api${path}`, method, body, BOARD_TOKEN)
  expect(reply.status, JSON.stringify(reply.body)).toBeLessThan(300)
  return reply.body
}

/** Reports ten cents again and again until it is ended; what it is answered does not stop it. */
const spender = `
  const { PAPERCLIP_API_URL: url, PAPERCLIP_API_KEY: key, PAPERCLIP_AGENT_ID: agentId, PAPERCLIP_COMPANY_ID: companyId } = process.env
  const spend = async () => {
    for (;;) await fetch(url + '/api/companies/' + companyId + '/cost-events', {
      method: 'POST', headers: { authorization: 'Bearer ' + key, 'content-type': 'application/json' },
      body: JSON.stringify({ agentId, provider: 'p', model: 'm', costCents: 10, occurredAt: new Date().toISOString() }),
    })
  }
  spend()`

test(
  'A child that spends in a loop is ended soon after the event that crosses its limit, and goes on when the limit is raised (I11)',
  async () => {
    const company = await ask('POST', '/companies', { name: 'Spend Works' })
    const agent = await ask('POST', `/companies/${company.id}/agents`, {
      name: 'Spender',
      adapterType: 'process',
      adapterConfig: { command: process.execPath, args: ['-e', spender], graceSec: 1 },
      budgetMonthlyCents: 100,
    })
    await ask('POST', `/companies/${company.id}/issues`, { title: 'Work', status: 'todo', assigneeAgentId: agent.id })
    const stopOf = async () => {
      const { rows } = await database.sql.query(
        `select r.id, r.error_code as "errorCode", i.id as "incidentId", extract(epoch from r.finished_at - i.created_at) * 1000 as "tookMs",
         (select max(created_at) < r.finished_at + interval '1 second' from cost_events where agent_id = r.agent_id) as quiet
       from heartbeat_runs r join budget_incidents i on i.scope_id = r.agent_id and i.threshold_type = 'hard' and i.status = 'open'
       where r.agent_id = $1 and r.status = 'cancelled' order by r.created_at desc limit 1`,
        [agent.id],
      )
      return rows[0]
    }
    const stopped = await pollFor('the run is ended', stopOf)
    expect(stopped).toMatchObject({ errorCode: 'budget_exhausted', quiet: true })
    expect(Number(stopped.tookMs)).toBeLessThan(onThisMachine(STOPPED_WITHIN_MS))
    expect(await ask('GET', `/agents/${agent.id}`)).toMatchObject({ status: 'paused', pauseReason: 'budget' })
    const { incidentId } = stopped
    await ask('POST', `/companies/${company.id}/budget-incidents/${incidentId}/resolve`, {
      action: 'raise_budget_and_resume',
      amount: 100_000,
    })
    await pollFor('another run of it spends', async () => {
      const { rows } = await database.sql.query(
        `select 1 from heartbeat_runs r join run_costs c on c.run_id = r.id where r.agent_id = $1 and r.status = 'running'`,
        [agent.id],
      )
      return rows.length > 0
    })
  },
  SLOW_MS,
)
