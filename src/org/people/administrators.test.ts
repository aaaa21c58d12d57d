import { describe, expect, test } from 'vitest'
import { boardOf, join, member, person } from '../../dev/testing/people.ts'
import { countByStatus } from '../../dev/testing/race.ts'
import { auditCount, lastAudit, useServer, world } from '../../dev/testing/world.ts'

const server = useServer({ people: {}, boardMode: 'token' })
const users = '/api/admin/users'

describe('administrators of the instance', () => {
  test('The holder of the token of the board makes the first one; from then on the instance is ready', async () => {
    const ada = await person(server())
    expect((await server().anonymous.get('/api/health')).body).toMatchObject({
      deploymentMode: 'authenticated',
      bootstrapStatus: 'bootstrap_pending',
    })
    expect((await ada.client.post('/api/companies', { name: 'Mine' })).body).toMatchObject({ code: 'admin_required' })
    const answer = await boardOf(server()).post(`${users}/${ada.id}/promote-instance-admin`)
    expect(answer).toMatchObject({ status: 201, body: { userId: ada.id, role: 'instance_admin' } })
    expect(await lastAudit(server(), ada.id, 'person.promoted')).toMatchObject({
      companyId: '00000000-0000-0000-0000-000000000000',
      actorId: 'local-board',
      details: { role: 'instance_admin' },
    })
    expect((await server().anonymous.get('/api/health')).body).toMatchObject({ bootstrapStatus: 'ready' })
    expect((await ada.client.get('/api/cli-auth/me')).body).toMatchObject({ isInstanceAdmin: true })
    const made = await ada.client.post('/api/companies', { name: 'Mine' })
    expect(made.status, made.text).toBe(201)
    const before = await auditCount(server())
    expect((await ada.client.post(`${users}/${ada.id}/promote-instance-admin`)).body).toEqual(answer.body)
    expect(await auditCount(server())).toBe(before)
    const { body } = await ada.client.get(users)
    expect(body).toMatchObject([{ id: ada.id, isInstanceAdmin: true }])
  })

  test('The last administrator cannot go, also when two demote each other at once', async () => {
    await server().database.sql.query('delete from instance_administrators')
    const [one, two] = [await person(server()), await person(server())]
    for (const { id } of [one, two]) await boardOf(server()).post(`${users}/${id}/promote-instance-admin`)
    const answers = await Promise.all([
      one.client.post(`${users}/${two.id}/demote-instance-admin`),
      two.client.post(`${users}/${one.id}/demote-instance-admin`),
      boardOf(server()).post(`${users}/${two.id}/demote-instance-admin`),
    ])
    expect(answers.filter(({ status }) => status === 200)).toHaveLength(1)
    const { rows } = await server().database.sql.query<{ id: string }>('select person_id as id from instance_administrators')
    expect(rows).toHaveLength(1)
    const last = rows[0]?.id === one.id ? one : two
    const refused = await last.client.post(`${users}/${last.id}/demote-instance-admin`)
    expect(refused.body).toMatchObject({ code: 'last_administrator' })
    const former = last === one ? two : one
    expect((await former.client.get(users)).body).toMatchObject({ code: 'admin_required' })
    expect((await boardOf(server()).post(`${users}/${former.id}/demote-instance-admin`)).body).toMatchObject({ code: 'not_found' })
    expect((await lastAudit(server(), former.id, 'person.demoted')).details).toEqual({ role: 'instance_admin' })
  })

  test('A person who does not exist is not found, and only administrators ask', async () => {
    const ada = await person(server())
    const { agent } = await world(server())
    const worker = await agent()
    for (const id of ['no-person', '0b6ac4d7-98a5-4f0b-8a7b-2d7c02b2b9f1', 'local-board']) {
      expect((await boardOf(server()).post(`${users}/${id}/promote-instance-admin`)).status).toBe(404)
      expect((await boardOf(server()).get(`${users}/${id}/company-access`)).status).toBe(404)
      expect((await boardOf(server()).put(`${users}/${id}/company-access`, { companyIds: [] })).status).toBe(404)
    }
    for (const [client, code] of [
      [ada.client, 'admin_required'],
      [worker.client, 'admin_required'],
      [server().anonymous, 'unauthorized'],
    ] as const) {
      expect((await client.get(users)).body).toMatchObject({ code })
      expect((await client.post(`${users}/${ada.id}/promote-instance-admin`)).body).toMatchObject({ code })
      expect((await client.put(`${users}/${ada.id}/company-access`, { companyIds: [] })).body).toMatchObject({ code })
    }
  })
})

describe('the companies of a person', () => {
  test('The set replaces the one before, new members are operators, and every company has it on its record', async () => {
    const ada = await person(server())
    const [one, two] = [await world(server()), await world(server())]
    const set = (companyIds: readonly string[]) => boardOf(server()).put(`${users}/${ada.id}/company-access`, { companyIds })
    const first = await set([one.company.id])
    expect(first.body).toMatchObject([{ companyId: one.company.id, principalId: ada.id, status: 'active', membershipRole: 'operator' }])
    expect((await ada.client.get('/api/companies')).body).toMatchObject([{ id: one.company.id }])
    expect((await set([two.company.id.toUpperCase()])).body).toMatchObject([{ companyId: two.company.id }])
    expect((await ada.client.get('/api/companies')).body).toMatchObject([{ id: two.company.id }])
    expect((await ada.client.get(`/api/companies/${one.company.id}`)).status).toBe(404)
    expect((await lastAudit(server(), ada.id, 'person.access_changed')).details).toEqual({ added: [two.company.id], removed: [] })
    const { rows } = await server().database.sql.query(
      "select company_id from activity_log where entity_id = $1 and action = 'person.access_changed'",
      [ada.id],
    )
    expect(rows).toHaveLength(5)
    const before = await auditCount(server())
    expect((await set([two.company.id])).status).toBe(200)
    expect((await set(['0b6ac4d7-98a5-4f0b-8a7b-2d7c02b2b9f1'])).body).toMatchObject({ code: 'unknown_reference' })
    expect((await set(['not an id'])).status).toBe(400)
    expect(await auditCount(server())).toBe(before)
  })

  test('The last owner of a company cannot go, also when two owners go at once', async () => {
    const { company } = await world(server())
    const [one, two] = [await member(server(), company.id, 'owner'), await member(server(), company.id, 'owner')]
    const leave = (id: string) => boardOf(server()).put(`${users}/${id}/company-access`, { companyIds: [] })
    expect(countByStatus(await Promise.all([leave(one.id), leave(two.id)]))).toEqual({ 200: 1, 409: 1 })
    const { rows } = await server().database.sql.query<{ id: string }>(
      "select principal_id as id from company_memberships where company_id = $1 and membership_role = 'owner' and principal_id <> 'local-board'",
      [company.id],
    )
    expect((await leave(rows[0]?.id ?? '')).body).toMatchObject({ code: 'last_owner', details: { companyId: company.id } })
  })

  test('The grants of a person go with its membership, and a later membership does not bring them back', async () => {
    const { company } = await world(server())
    const ada = await member(server(), company.id, 'viewer')
    const members = `/api/companies/${company.id}/members`
    const ofAda = async () =>
      ((await boardOf(server()).get(members)).body as { id: string; principalId: string; grants: object[] }[]).find(
        ({ principalId }) => principalId === ada.id,
      )
    const grants = [{ permissionKey: 'users:manage_permissions' }, { permissionKey: 'agents:create' }]
    expect((await boardOf(server()).patch(`${members}/${(await ofAda())?.id}/permissions`, { grants })).status).toBe(200)
    expect((await ada.client.get(members)).status).toBe(200)
    for (const companyIds of [[], [company.id]])
      expect((await boardOf(server()).put(`${users}/${ada.id}/company-access`, { companyIds })).status).toBe(200)
    expect((await ofAda())?.grants).toEqual([])
    expect((await ada.client.get(members)).body).toMatchObject({ code: 'role_missing' })
  })

  test('A role that stays is kept, and a suspended member is active again', async () => {
    const { company } = await world(server())
    const ada = await person(server())
    await join(server(), ada, company.id, 'viewer')
    await server().database.sql.query("update company_memberships set status = 'suspended' where principal_id = $1", [ada.id])
    await expect.poll(async () => (await ada.client.get(`/api/companies/${company.id}`)).status).toBe(404)
    const set = await boardOf(server()).put(`${users}/${ada.id}/company-access`, { companyIds: [company.id] })
    expect(set.body).toMatchObject([{ status: 'active', membershipRole: 'viewer' }])
    expect((await ada.client.get(`/api/companies/${company.id}`)).status).toBe(200)
  })
})
