import { describe, expect, test } from 'vitest'
import { race, countByStatus } from '../../dev/testing/race.ts'
import { auditCount, lastAudit, useServer, world } from '../../dev/testing/world.ts'

const server = useServer()
const general = '/api/instance/settings/general'
const experimental = '/api/instance/settings/experimental'

const rowsOf = async (action: string) =>
  (
    await server().database.sql.query<{ companyId: string; details: object }>(
      'select company_id as "companyId", details from activity_log where action = $1 order by seq',
      [action],
    )
  ).rows

describe('settings of the instance', () => {
  test('Settings are changed and recorded even when no company exists', async () => {
    expect((await server().board.get(experimental)).body).toEqual({ enableIsolatedWorkspaces: false, autoRestartDevServerWhenIdle: false })
    expect(await server().board.patch(experimental, { enableIsolatedWorkspaces: true })).toMatchObject({
      status: 200,
      body: { enableIsolatedWorkspaces: true, autoRestartDevServerWhenIdle: false },
    })
    expect(await rowsOf('instance.settings.experimental_updated')).toEqual([
      {
        companyId: '00000000-0000-0000-0000-000000000000',
        details: {
          enableIsolatedWorkspaces: true,
          changedKeys: ['enableIsolatedWorkspaces'],
          _previous: { enableIsolatedWorkspaces: false },
        },
      },
    ])
  })

  test('A change of settings is recorded once for the instance and once for every company, and a patch without changes is not recorded', async () => {
    const [one, two] = [await world(server()), await world(server())]
    expect((await server().board.get(general)).body).toEqual({
      censorUsernameInLogs: false,
      keyboardShortcuts: false,
      feedbackDataSharingPreference: 'prompt',
      backupEveryHours: 24,
      backupRetention: { dailyDays: 7, weeklyWeeks: 4, monthlyMonths: 3 },
    })
    await server().board.patch(general, { keyboardShortcuts: true })
    expect((await server().board.patch(general, { feedbackDataSharingPreference: 'not_allowed' })).body).toEqual({
      censorUsernameInLogs: false,
      keyboardShortcuts: true,
      feedbackDataSharingPreference: 'not_allowed',
      backupEveryHours: 24,
      backupRetention: { dailyDays: 7, weeklyWeeks: 4, monthlyMonths: 3 },
    })
    const rows = await rowsOf('instance.settings.general_updated')
    const instance = '00000000-0000-0000-0000-000000000000'
    const recorded = [instance, one.company.id, two.company.id]
    expect(rows.map((row) => row.companyId)).toEqual([...recorded, ...recorded])
    expect((await lastAudit(server(), 'general', 'instance.settings.general_updated')).details).toMatchObject({
      feedbackDataSharingPreference: 'not_allowed',
      _previous: { feedbackDataSharingPreference: 'prompt' },
    })
    const before = await auditCount(server())
    expect((await server().board.patch(general, { keyboardShortcuts: true })).status).toBe(200)
    expect((await server().board.patch(general, {})).status).toBe(200)
    expect(await auditCount(server())).toBe(before)
  })

  test('Concurrent changes of different settings are all stored, and equal concurrent changes are recorded once', async () => {
    await world(server())
    const bodies = [{ censorUsernameInLogs: true }, { feedbackDataSharingPreference: 'allowed' }]
    expect(countByStatus(await race(bodies, (body) => server().board.patch(general, body)))).toEqual({ 200: 2 })
    expect((await server().board.get(general)).body).toMatchObject({ censorUsernameInLogs: true, feedbackDataSharingPreference: 'allowed' })
    const before = await auditCount(server())
    await race([0, 1, 2, 3], () => server().board.patch(experimental, { autoRestartDevServerWhenIdle: true }))
    const companies = (await server().board.get('/api/companies')).body.length
    expect(await auditCount(server())).toBe(before + 1 + companies)
  })

  test('Settings accept known fields with valid values only, and no request of an agent', async () => {
    const { agent } = await world(server())
    const worker = await agent()
    const before = await auditCount(server())
    for (const body of [{ unknown: true }, { keyboardShortcuts: 'yes' }, { feedbackDataSharingPreference: 'maybe' }, []]) {
      expect((await server().board.patch(general, body)).status).toBe(400)
    }
    expect((await server().board.patch(experimental, { keyboardShortcuts: true })).status).toBe(400)
    for (const path of [general, experimental]) {
      expect((await worker.client.get(path)).status).toBe(403)
      expect((await worker.client.patch(path, {})).status).toBe(403)
    }
    expect(await auditCount(server())).toBe(before)
  })
})

describe('the identity of the caller', () => {
  test('The board reads its identity and its companies; an agent gets 403 and a request from another host 401', async () => {
    const { company, agent } = await world(server())
    const answer = await server().board.get('/api/cli-auth/me')
    expect(answer).toMatchObject({
      status: 200,
      body: { userId: 'local-board', user: { id: 'local-board' }, isInstanceAdmin: true, source: 'local_implicit', keyId: null },
    })
    expect(answer.body.companyIds).toContain(company.id)
    const worker = await agent()
    expect((await worker.client.get('/api/cli-auth/me')).status).toBe(403)
    expect((await server().board.get('/api/cli-auth/me', { 'x-forwarded-for': '203.0.113.7' })).status).toBe(401)
  })
})
