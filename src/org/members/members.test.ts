import { beforeAll, describe, expect, test } from 'vitest'
import type { MemberRole } from '../../platform/kernel/actor.ts'
import { boardOf, member, person } from '../../dev/testing/people.ts'
import type { TestPerson } from '../../dev/testing/people.ts'
import { countByStatus } from '../../dev/testing/race.ts'
import { auditCount, lastAudit, useServer, world } from '../../dev/testing/world.ts'
import type { Answer, Client, World } from '../../dev/testing/world.ts'

const server = useServer({ people: {}, boardMode: 'token' })
let here: World
let people: Record<MemberRole, TestPerson>

beforeAll(async () => {
  here = await world(server())
  people = {
    viewer: await member(server(), here.company.id, 'viewer'),
    operator: await member(server(), here.company.id, 'operator'),
    admin: await member(server(), here.company.id, 'admin'),
    owner: await member(server(), here.company.id, 'owner'),
  }
})

const at = (): string => `/api/companies/${here.company.id}/members`
const listOf = async (client: Client) =>
  (await client.get(at())).body as { id: string; principalId: string; principalType: string; membershipRole: string; user: object | null }[]
const memberIdOf = async (personId: string): Promise<string> =>
  (await listOf(boardOf(server()))).find(({ principalId }) => principalId === personId)?.id ?? ''
const change = async (client: Client, { id }: TestPerson, body: object): Promise<Answer> =>
  await client.patch(`${at()}/${await memberIdOf(id)}`, body)
const grant = async (client: Client, { id }: TestPerson, keys: readonly string[]): Promise<Answer> =>
  await client.patch(`${at()}/${await memberIdOf(id)}/permissions`, { grants: keys.map((permissionKey) => ({ permissionKey })) })

describe('the members of a company', () => {
  test('Admins and owners list people with their addresses, and agents; others do not', async () => {
    const worker = await here.agent()
    const list = await listOf(people.admin.client)
    expect(list.find(({ principalId }) => principalId === people.viewer.id)).toMatchObject({
      principalType: 'user',
      membershipRole: 'viewer',
      user: { id: people.viewer.id, email: people.viewer.email },
      grants: [],
    })
    expect(list.find(({ principalId }) => principalId === worker.id)).toMatchObject({ principalType: 'agent', user: null })
    expect((await people.admin.client.get(`${at()}?limit=2`)).body).toHaveLength(2)
    for (const client of [people.viewer.client, people.operator.client])
      expect((await client.get(at())).body).toMatchObject({ code: 'role_missing' })
    expect((await worker.client.get(at())).body).toMatchObject({ code: 'board_required' })
    const stranger = await person(server(), 'Stranger')
    expect((await stranger.client.get(at())).body).toMatchObject({ code: 'not_found' })
  })

  test('A change of a role counts at once, and is on the record of the company', async () => {
    const changing = await member(server(), here.company.id, 'viewer')
    const create = () => changing.client.post(`/api/companies/${here.company.id}/issues`, { title: 'New' })
    expect((await create()).status).toBe(403)
    const answer = await change(people.admin.client, changing, { role: 'operator' })
    expect(answer).toMatchObject({ status: 200, body: { principalId: changing.id, membershipRole: 'operator', status: 'active' } })
    expect((await create()).status).toBe(201)
    expect(await lastAudit(server(), changing.id, 'person.role_changed')).toMatchObject({
      companyId: here.company.id,
      actorId: people.admin.id,
      details: { membershipRole: 'operator', status: 'active', _previous: { membershipRole: 'viewer', status: 'active' } },
    })
    expect((await change(people.admin.client, changing, { status: 'suspended' })).status).toBe(200)
    expect((await create()).status).toBe(404)
    const before = await auditCount(server())
    expect((await change(people.admin.client, changing, { status: 'suspended' })).status).toBe(200)
    expect((await change(people.admin.client, changing, { role: 'king' })).status).toBe(400)
    expect(await auditCount(server())).toBe(before)
  })

  test('No person gives or takes more than its own role has', async () => {
    const before = await auditCount(server())
    for (const answer of [
      await change(people.admin.client, people.viewer, { role: 'owner' }),
      await change(people.admin.client, people.owner, { role: 'viewer' }),
      await change(people.admin.client, people.admin, { role: 'owner' }),
    ])
      expect(answer.body).toMatchObject({ code: 'above_own_role', details: { role: 'admin' } })
    expect((await change(people.operator.client, people.viewer, { role: 'operator' })).body).toMatchObject({ code: 'role_missing' })
    expect(await auditCount(server())).toBe(before)
    expect((await change(people.owner.client, people.viewer, { role: 'admin' })).status).toBe(200)
    expect((await change(people.owner.client, people.viewer, { role: 'viewer' })).status).toBe(200)
  })

  test('The last owner cannot go, be suspended or step down, also when two step down at once', async () => {
    const two = await world(server())
    const [one, other] = [await member(server(), two.company.id, 'owner'), await member(server(), two.company.id, 'owner')]
    const list = (await boardOf(server()).get(`/api/companies/${two.company.id}/members`)).body as { id: string; principalId: string }[]
    const path = ({ id }: TestPerson) =>
      `/api/companies/${two.company.id}/members/${list.find(({ principalId }) => principalId === id)?.id}`
    const answers = await Promise.all([one, other].map((it) => it.client.patch(path(it), { role: 'admin' })))
    expect(countByStatus(answers)).toEqual({ 200: 1, 409: 1 })
    const last = answers[0]?.status === 409 ? one : other
    expect((await boardOf(server()).patch(path(last), { status: 'suspended' })).body).toMatchObject({ code: 'last_owner' })
  })

  test('A member of another company and one that does not exist are the same 404, and agents are changed elsewhere', async () => {
    const other = await world(server())
    const foreign = (await boardOf(server()).get(`/api/companies/${other.company.id}/members`)).body[0].id
    for (const id of [foreign, '0b6ac4d7-98a5-4f0b-8a7b-2d7c02b2b9f1'])
      expect((await people.owner.client.patch(`${at()}/${id}`, { role: 'viewer' })).body).toMatchObject({ error: 'Member not found' })
    expect((await people.owner.client.patch(`${at()}/no-id`, { role: 'viewer' })).body).toMatchObject({ code: 'malformed_id' })
    const worker = await here.agent()
    const agentMember = await memberIdOf(worker.id)
    expect((await people.owner.client.patch(`${at()}/${agentMember}`, { role: 'viewer' })).body).toMatchObject({ code: 'unprocessable' })
  })
})

describe('grants beyond a role', () => {
  test('A member does what it was granted, at once, and no longer when the grant is taken', async () => {
    const granted = await member(server(), here.company.id, 'viewer')
    expect((await granted.client.get(at())).status).toBe(403)
    const answer = await grant(people.admin.client, granted, ['users:manage_permissions', 'tasks:assign'])
    expect(answer.body.grants.map(({ permissionKey }: { permissionKey: string }) => permissionKey)).toEqual([
      'tasks:assign',
      'users:manage_permissions',
    ])
    expect((await granted.client.get(at())).status).toBe(200)
    expect((await lastAudit(server(), granted.id, 'person.permissions_changed')).details).toEqual({
      added: ['users:manage_permissions', 'tasks:assign'],
      removed: [],
    })
    const other = await member(server(), here.company.id, 'viewer')
    expect((await grant(granted.client, other, ['agents:create'])).body).toMatchObject({ code: 'above_own_role' })
    expect((await grant(granted.client, other, ['tasks:assign'])).status).toBe(200)
    expect((await change(granted.client, people.operator, { role: 'viewer' })).body).toMatchObject({ code: 'above_own_role' })
    const before = await auditCount(server())
    expect((await grant(people.admin.client, granted, ['tasks:assign', 'users:manage_permissions'])).status).toBe(200)
    expect((await grant(people.admin.client, granted, ['everything'])).status).toBe(400)
    expect(await auditCount(server())).toBe(before)
    expect((await grant(people.admin.client, granted, [])).status).toBe(200)
    expect((await granted.client.get(at())).status).toBe(403)
  })
})
