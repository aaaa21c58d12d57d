import { beforeEach, describe, expect, test } from 'vitest'
import { REDACTED } from '../../platform/kernel/redact.ts'
import { waitForLockWaiter, waitUntil } from '../../dev/testing/holds.ts'
import { race, countByStatus } from '../../dev/testing/race.ts'
import { actionsOf, auditCount, lastAudit, useServer, world } from '../../dev/testing/world.ts'
import type { TestAgent, World } from '../../dev/testing/world.ts'

const server = useServer()
const MISSING_ID = '00000000-0000-4000-8000-000000000000'

let fixture: World
let ceo: TestAgent
let worker: TestAgent

beforeEach(async () => {
  fixture = await world(server())
  ceo = await fixture.agent({ role: 'ceo' })
  worker = await fixture.agent({ adapterConfig: { command: 'old', env: { KEY: 'hunter2' } } })
})

const board = () => server().board
const read = async (agent = worker) => (await board().get(`/api/agents/${agent.id}`)).body
const revisions = async (agent = worker) => (await board().get(`/api/agents/${agent.id}/config-revisions`)).body
const approvals = async () => (await board().get(`/api/companies/${fixture.company.id}/approvals`)).body

describe('configureAgent', () => {
  test('A change by the board is made at once and leaves a revision with redacted secrets', async () => {
    const answer = await board().patch(`/api/agents/${worker.id}`, { title: 'Smith', adapterConfig: { command: 'new' } })
    expect(answer).toMatchObject({
      status: 200,
      body: { title: 'Smith', adapterConfig: { command: 'new', env: { KEY: { value: 'hunter2' } } } },
    })
    const [revision] = await revisions()
    expect(revision).toMatchObject({
      agentId: worker.id,
      source: 'patch',
      createdByUserId: 'local-board',
      createdByAgentId: null,
      rolledBackFromRevisionId: null,
      beforeConfig: { title: null, adapterConfig: { command: 'old', env: { KEY: { type: 'plain', value: REDACTED } } } },
      afterConfig: { title: 'Smith', adapterConfig: { command: 'new', env: { KEY: { type: 'plain', value: REDACTED } } } },
    })
    expect(revision.changedKeys.toSorted()).toEqual(['adapterConfig', 'title'])
    const audit = await lastAudit(server(), worker.id, 'agent.updated')
    expect(audit.details).toMatchObject({ revisionId: revision.id })
    expect(JSON.stringify(audit.details)).not.toMatch(/hunter2|new/)
    expect((await board().get(`/api/agents/${worker.id}/config-revisions/${revision.id}`)).body).toEqual(revision)
  })

  test('A change to the current values, in any order of keys, leaves no audit row and no revision', async () => {
    const before = await auditCount(server())
    const same = { adapterConfig: { env: { KEY: { value: 'hunter2', type: 'plain' } }, command: 'old' } }
    expect(await board().patch(`/api/agents/${worker.id}`, same)).toMatchObject({ status: 200 })
    expect(await auditCount(server())).toBe(before)
    expect(await revisions()).toEqual([])
  })

  test('An agent changes its own presentation, a CEO also name and role of others', async () => {
    expect(await worker.client.patch(`/api/agents/${worker.id}`, { title: 'Me' })).toMatchObject({ status: 200, body: { title: 'Me' } })
    expect(await ceo.client.patch(`/api/agents/${worker.id}`, { role: 'qa' })).toMatchObject({ status: 200, body: { role: 'qa' } })
    expect((await revisions()).map((row: { createdByAgentId: string }) => row.createdByAgentId)).toEqual([ceo.id, worker.id])
    const before = await auditCount(server())
    for (const patch of [{ role: 'ceo' }, { budgetMonthlyCents: 1 }, { status: 'idle' }, { role: 'qa', adapterConfig: {} }])
      expect(await worker.client.patch(`/api/agents/${worker.id}`, patch)).toMatchObject({
        status: 403,
        body: { code: 'field_not_permitted' },
      })
    expect(await worker.client.patch(`/api/agents/${ceo.id}`, { title: 'x' })).toMatchObject({ status: 403, body: { code: 'not_self' } })
    expect(await auditCount(server())).toBe(before)
  })

  test.each([
    ['adapterType', { adapterType: 'http' }],
    ['adapterConfig', { adapterConfig: { args: ['-c', 'evil'] } }],
    ['runtimeConfig', { runtimeConfig: { heartbeat: { intervalSec: 1 } } }],
  ])('A change of %s by an agent waits as a whole for the board', async (_, host) => {
    for (const caller of [ceo, worker]) {
      const previous = await read()
      const answer = await caller.client.patch(`/api/agents/${worker.id}`, { title: 'Smith', ...host })
      expect(answer.status, answer.text).toBe(202)
      expect(answer.body).toMatchObject({ id: worker.id, title: null, approval: { type: 'request_board_approval', status: 'pending' } })
      expect(answer.body.approval.payload.agentConfiguration).toMatchObject({ agentId: worker.id, changes: { title: 'Smith' } })
      expect(await read()).toEqual(previous)
      expect(await revisions()).toEqual([])
      expect(await actionsOf(server(), answer.body.approval.id)).toEqual(['approval.created'])
    }
  })

  test('An approved proposal of an agent is made with a revision and shows no secret', async () => {
    const answer = await ceo.client.patch(`/api/agents/${worker.id}`, {
      title: 'Smith',
      adapterConfig: { command: 'new', env: { K2: 'hunter3' } },
    })
    expect(answer.text).not.toContain('hunter3')
    const decided = await board().post(`/api/approvals/${answer.body.approval.id}/approve`)
    expect(decided.status, decided.text).toBe(200)
    expect(decided.text).not.toContain('hunter3')
    expect(await read()).toMatchObject({
      title: 'Smith',
      adapterConfig: { command: 'new', env: { K2: { type: 'plain', value: 'hunter3' } } },
    })
    expect(await revisions()).toMatchObject([{ source: 'patch', createdByUserId: 'local-board' }])
    expect((await actionsOf(server(), worker.id)).at(-1)).toBe('agent.updated')
    expect((await actionsOf(server(), decided.body.id)).slice(1)).toEqual(['approval.approved', 'approval.requester_wakeup_queued'])
  })

  test('A proposal that the board rejects or sends back for revision is not made', async () => {
    const previous = await read()
    const first = (await ceo.client.patch(`/api/agents/${worker.id}`, { adapterConfig: { command: 'evil' } })).body.approval
    await board().post(`/api/approvals/${first.id}/reject`)
    expect(await read()).toEqual(previous)
    const second = (await ceo.client.patch(`/api/agents/${worker.id}`, { adapterConfig: { command: 'evil' } })).body.approval
    await board().post(`/api/approvals/${second.id}/request-revision`)
    const notPermitted = { agentConfiguration: { agentId: ceo.id, changes: { budgetMonthlyCents: 5 } } }
    expect(await ceo.client.post(`/api/approvals/${second.id}/resubmit`, { payload: notPermitted })).toMatchObject({
      status: 403,
      body: { code: 'field_not_permitted' },
    })
    const better = { agentConfiguration: { agentId: ceo.id, changes: { adapterConfig: { command: 'good' } } } }
    const again = await ceo.client.post(`/api/approvals/${second.id}/resubmit`, { payload: better })
    expect(again.body.payload.agentConfiguration).toMatchObject({ agentId: worker.id, changes: { adapterConfig: { command: 'good' } } })
    await board().get(`/api/approvals/${second.id}`)
    await board().post(`/api/approvals/${second.id}/approve`)
    expect((await read()).adapterConfig.command).toBe('good')
    expect((await read(ceo)).adapterConfig).toEqual({})
  })

  test('The same proposal sent eight times at once is one approval', async () => {
    const before = await auditCount(server())
    const answers = await race(Array.from({ length: 8 }), () =>
      ceo.client.patch(`/api/agents/${worker.id}`, { adapterConfig: { command: 'new' } }),
    )
    expect(countByStatus(answers)).toEqual({ 202: 8 })
    expect(new Set(answers.map((answer) => answer.body.approval.id)).size).toBe(1)
    expect(await approvals()).toHaveLength(1)
    expect(await auditCount(server())).toBe(before + 1)
  })

  test('Approving a proposal that became impossible is refused and leaves it pending', async () => {
    const { approval } = (await ceo.client.patch(`/api/agents/${worker.id}`, { name: 'Taken', adapterConfig: { command: 'new' } })).body
    await fixture.agent({ name: 'Taken' })
    const before = await auditCount(server())
    expect(await board().post(`/api/approvals/${approval.id}/approve`)).toMatchObject({ status: 409, body: { code: 'name_taken' } })
    expect(await auditCount(server())).toBe(before)
    expect((await board().get(`/api/approvals/${approval.id}`)).body.status).toBe('pending')
    await board().post(`/api/agents/${worker.id}/terminate`)
    expect(await board().post(`/api/approvals/${approval.id}/approve`)).toMatchObject({ status: 409, body: { code: 'approval_cancelled' } })
    expect(await ceo.client.patch(`/api/agents/${worker.id}`, { adapterType: 'http' })).toMatchObject({
      status: 409,
      body: { code: 'agent_terminated' },
    })
  })

  test('A configuration that a client reads, edits and sends back keeps its secrets', async () => {
    await board().patch(`/api/agents/${worker.id}`, {
      adapterConfig: { args: ['--api-key', 'hunter3', 'x'], headers: { Authorization: 'hunter4' } },
    })
    const { adapterConfig } = (await board().get(`/api/agents/${worker.id}/configuration`)).body
    expect(JSON.stringify(adapterConfig)).not.toMatch(/hunter/)
    const edited = { adapterConfig: { ...adapterConfig, command: 'new' } }
    expect(await board().patch(`/api/agents/${worker.id}`, edited)).toMatchObject({ status: 200 })
    const whole = {
      command: 'new',
      env: { KEY: { type: 'plain', value: 'hunter2' } },
      args: ['--api-key', 'hunter3', 'x'],
      headers: { Authorization: 'hunter4' },
    }
    expect((await read()).adapterConfig).toEqual(whole)
    expect(await board().patch(`/api/agents/${worker.id}`, { adapterConfig: { env: { KEY: REDACTED } } })).toMatchObject({ status: 200 })
    expect((await read()).adapterConfig).toEqual(whole)
  })

  test('A placeholder where no secret of that form is stored is refused', async () => {
    const before = await auditCount(server())
    const previous = await read()
    for (const adapterConfig of [
      { env: { OTHER: REDACTED } },
      { command: REDACTED },
      { env: { KEY: `${REDACTED}x` } },
      { note: { KEY: { type: 'plain', value: REDACTED } } },
    ])
      for (const client of [board(), ceo.client])
        expect(await client.patch(`/api/agents/${worker.id}`, { adapterConfig })).toMatchObject({
          status: 422,
          body: { code: 'payload_invalid' },
        })
    expect(await read()).toEqual(previous)
    const created = { name: 'New', adapterConfig: { env: { KEY: REDACTED } } }
    for (const path of ['agents', 'agent-hires'])
      expect(await board().post(`/api/companies/${fixture.company.id}/${path}`, created)).toMatchObject({ status: 422 })
    expect(await auditCount(server())).toBe(before)
  })

  test('A taken name, a reporting cycle and the agent itself as its manager are refused', async () => {
    const boss = await fixture.agent()
    await board().patch(`/api/agents/${worker.id}`, { reportsTo: boss.id })
    const before = await auditCount(server())
    expect(await board().patch(`/api/agents/${worker.id}`, { name: boss.name })).toMatchObject({
      status: 409,
      body: { code: 'name_taken' },
    })
    for (const [agent, reportsTo] of [
      [boss, worker],
      [boss, boss],
    ] as const)
      expect(await board().patch(`/api/agents/${agent.id}`, { reportsTo: reportsTo.id })).toMatchObject({
        status: 422,
        body: { code: 'reporting_cycle' },
      })
    expect(await board().patch(`/api/agents/${worker.id}`, { permissions: { canCreateAgents: true } })).toMatchObject({ status: 400 })
    expect(await auditCount(server())).toBe(before)
  })

  test('Of two concurrent changes that together close a reporting cycle one is refused', async () => {
    const [one, two] = [await fixture.agent(), await fixture.agent()]
    const answers = await race([0, 1], (which) =>
      board().patch(`/api/agents/${which === 0 ? one.id : two.id}`, { reportsTo: which === 0 ? two.id : one.id }),
    )
    expect(countByStatus(answers)).toEqual({ 200: 1, 422: 1 })
  })

  test('A change of another company’s agent is the same 404 as of a missing one', async () => {
    const elsewhere = await world(server())
    const outsider = await elsewhere.agent({ role: 'ceo' })
    const before = await auditCount(server())
    for (const id of [worker.id, MISSING_ID]) {
      expect(await outsider.client.patch(`/api/agents/${id}`, { title: 'x' })).toMatchObject({
        status: 404,
        body: { error: 'Agent not found' },
      })
      expect(await outsider.client.post(`/api/agents/${id}/config-revisions/${MISSING_ID}/rollback`)).toMatchObject({ status: 404 })
    }
    expect(await auditCount(server())).toBe(before)
  })
})

describe('rollBackConfiguration', () => {
  const change = async (command: string) => {
    await board().patch(`/api/agents/${worker.id}`, { adapterConfig: { command } })
    return (await revisions())[0].id as string
  }

  test('A rollback restores the configuration that the revision left, secrets included', async () => {
    const first = await change('one')
    await board().patch(`/api/agents/${worker.id}`, { title: 'X', adapterConfig: { only: true }, replaceAdapterConfig: true })
    const answer = await board().post(`/api/agents/${worker.id}/config-revisions/${first}/rollback`)
    expect(answer).toMatchObject({ status: 200, body: { title: null } })
    expect(answer.body.adapterConfig).toEqual({ command: 'one', env: { KEY: { type: 'plain', value: 'hunter2' } } })
    expect((await revisions())[0]).toMatchObject({ source: 'rollback', rolledBackFromRevisionId: first })
    expect((await lastAudit(server(), worker.id, 'agent.config_rolled_back')).details).toMatchObject({ rolledBackFromRevisionId: first })
    const before = await auditCount(server())
    expect(await board().post(`/api/agents/${worker.id}/config-revisions/${first}/rollback`)).toMatchObject({ status: 200 })
    expect(await auditCount(server())).toBe(before)
  })

  test('A rollback by an agent is a proposal, as any other change of what this host runs', async () => {
    const first = await change('one')
    await change('two')
    const answer = await ceo.client.post(`/api/agents/${worker.id}/config-revisions/${first}/rollback`)
    expect(answer.status, answer.text).toBe(202)
    expect((await read()).adapterConfig.command).toBe('two')
    await board().post(`/api/approvals/${answer.body.approval.id}/approve`)
    expect((await read()).adapterConfig.command).toBe('one')
    expect((await revisions())[0]).toMatchObject({ source: 'rollback', rolledBackFromRevisionId: first })
  })

  test('A rollback of a role removes its permissions from the next request on', async () => {
    const first = await change('one')
    await board().patch(`/api/agents/${worker.id}`, { role: 'ceo' })
    const hire = () => worker.client.post(`/api/companies/${fixture.company.id}/agent-hires`, { name: 'Ann' })
    expect(await hire()).toMatchObject({ status: 201 })
    await board().post(`/api/agents/${worker.id}/config-revisions/${first}/rollback`)
    expect(await hire()).toMatchObject({ status: 403 })
  })

  test('A rollback to a revision with missing or redacted values is refused', async () => {
    const first = await change('one')
    const before = await auditCount(server())
    const corrupt = (config: string) =>
      server().database.sql.query(`update agent_config_revisions set after_config = ${config} where id = $1`, [first])
    for (const config of [`after_config || '{"adapterConfig":{"apiKey":"${REDACTED}"}}'`, `after_config - 'runtimeConfig'`]) {
      await corrupt(config)
      expect(await board().post(`/api/agents/${worker.id}/config-revisions/${first}/rollback`)).toMatchObject({
        status: 422,
        body: { code: 'revision_incomplete' },
      })
    }
    expect(await auditCount(server())).toBe(before)
  })

  test('A rollback to a revision of another agent is 404', async () => {
    const first = await change('one')
    expect(await board().post(`/api/agents/${ceo.id}/config-revisions/${first}/rollback`)).toMatchObject({ status: 404 })
    expect(await board().get(`/api/agents/${ceo.id}/config-revisions/${first}`)).toMatchObject({ status: 404 })
    expect(await board().get(`/api/agents/${worker.id}/config-revisions/nope`)).toMatchObject({ status: 400 })
  })
})

describe('lockForEffect', () => {
  test('A decision on a proposal that renames an agent since it was read waits for the lock of the company', async () => {
    const change = await ceo.client.patch(`/api/agents/${worker.id}`, { adapterConfig: { command: 'new' } })
    const { id } = change.body.approval
    const editing = await server().database.sql.connect()
    const renaming = await server().database.sql.connect()
    try {
      await renaming.query('begin')
      await renaming.query('select 1 from companies where id = $1 for no key update', [fixture.company.id])
      await editing.query('begin')
      await editing.query('select 1 from approvals where id = $1 for no key update', [id])
      const decision = board().post(`/api/approvals/${id}/approve`)
      await waitForLockWaiter(server())
      await editing.query(
        `update approvals set shown_hash = null, payload = jsonb_set(payload, '{agentConfiguration,changes,name}', '"Renamed"') where id = $1`,
        [id],
      )
      await editing.query('commit')
      const companyWaiter = async () => {
        const { rows } = await renaming.query(
          "select 1 from pg_stat_activity where wait_event_type = 'Lock' and pg_backend_pid() = any(pg_blocking_pids(pid))",
        )
        return rows.length > 0
      }
      await waitUntil('the decision waits for the company', companyWaiter)
      await renaming.query('commit')
      expect(await decision).toMatchObject({ status: 200, body: { status: 'approved' } })
    } finally {
      editing.release()
      renaming.release()
    }
    expect(await read()).toMatchObject({ name: 'Renamed', adapterConfig: { command: 'new' } })
  })
})
