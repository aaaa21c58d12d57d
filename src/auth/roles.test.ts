import { beforeAll, describe, expect, test } from 'vitest'
import { memberRoles } from '../platform/kernel/actor.ts'
import type { MemberRole } from '../platform/kernel/actor.ts'
import { follow } from '../dev/testing/follower.ts'
import { boardOf, browser, member, person, setRole } from '../dev/testing/people.ts'
import type { TestPerson } from '../dev/testing/people.ts'
import { auditCount, useServer, world } from '../dev/testing/world.ts'
import type { TestAgent, World } from '../dev/testing/world.ts'
import { permissions } from './permissions.ts'
import type { Permission } from './permissions.ts'
import { roleFor } from './roles.ts'

const server = useServer({ people: {}, boardMode: 'token' })
let ours: World
let theirs: World
let worker: TestAgent
let issue: { id: string; identifier: string }
let people: Record<MemberRole, TestPerson>

beforeAll(async () => {
  ours = await world(server())
  theirs = await world(server())
  worker = await ours.agent({ adapterType: 'process', adapterConfig: { command: 'true', env: { API_TOKEN: 'a secret value' } } })
  issue = await ours.issue()
  people = {
    viewer: await member(server(), ours.company.id, 'viewer'),
    operator: await member(server(), ours.company.id, 'operator'),
    admin: await member(server(), ours.company.id, 'admin'),
    owner: await member(server(), ours.company.id, 'owner'),
  }
})

test('Every permission of the board belongs to one role, to everybody who signs in, to administrators, or to the token', () => {
  const personal: Permission[] = [
    'company.list',
    'board.me',
    'instance.settings.read',
    'instance.prices',
    'llms.read',
    'session.read',
    'session.end',
    'session.password',
    'cliLogin.approve',
    'boardClaim.claim',
  ]
  for (const [permission, holders] of Object.entries(permissions) as [Permission, readonly string[]][]) {
    const isOfBoard = holders.includes('board') && !personal.includes(permission)
    expect([permission, roleFor(permission) !== null]).toEqual([permission, isOfBoard])
  }
})

describe('the roles of people', () => {
  test.each<[string, MemberRole, (it: TestPerson) => Promise<{ status: number }>]>([
    ['reads an issue', 'viewer', ({ client }) => client.get(`/api/issues/${issue.identifier}`)],
    ['reads the record', 'viewer', ({ client }) => client.get(`/api/companies/${ours.company.id}/activity`)],
    ['creates an issue', 'operator', ({ client }) => client.post(`/api/companies/${ours.company.id}/issues`, { title: 'New' })],
    ['comments', 'operator', ({ client }) => client.post(`/api/issues/${issue.id}/comments`, { body: 'A word' })],
    ['wakes an agent', 'operator', ({ client }) => client.post(`/api/agents/${worker.id}/wakeup`, {})],
    ['pauses an agent', 'admin', ({ client }) => client.post(`/api/agents/${worker.id}/pause`, {})],
    ['makes a key', 'admin', ({ client }) => client.post(`/api/agents/${worker.id}/keys`, {})],
    ['changes the company', 'admin', ({ client }) => client.patch(`/api/companies/${ours.company.id}`, { description: 'x' })],
    ['creates a project', 'admin', ({ client }) => client.post(`/api/companies/${ours.company.id}/projects`, { name: 'P' })],
    ['verifies the record', 'admin', ({ client }) => client.get(`/api/companies/${ours.company.id}/activity/verify`)],
    ['archives the company', 'owner', ({ client }) => client.post(`/api/companies/${ours.company.id}/archive`, {})],
  ])('A person who %s is at least %s; the others get 403 and nothing is recorded', async (_, least, act) => {
    const order: MemberRole[] = ['viewer', 'operator', 'admin', 'owner']
    for (const role of order) {
      const before = await auditCount(server())
      const answer = (await act(people[role])) as { status: number; body: { code?: string }; text: string }
      if (order.indexOf(role) < order.indexOf(least)) {
        expect({ role, status: answer.status, code: answer.body.code }).toEqual({ role, status: 403, code: 'role_missing' })
        expect(await auditCount(server())).toBe(before)
      } else expect([role, answer.status < 300, answer.text]).toEqual([role, true, answer.text])
    }
    await server().database.sql.query("update companies set status = 'active' where id = $1", [ours.company.id])
    await server().database.sql.query("update agents set status = 'idle', pause_reason = null, paused_at = null where id = $1", [worker.id])
  })

  test('No role of a company creates companies, changes settings or sees the people of the instance', async () => {
    const { client } = people.owner
    expect((await client.post('/api/companies', { name: 'Another' })).body).toMatchObject({ code: 'admin_required' })
    expect((await client.patch('/api/instance/settings/general', {})).body).toMatchObject({ code: 'admin_required' })
    expect((await client.get('/api/admin/users')).body).toMatchObject({ code: 'admin_required' })
    expect((await client.get('/api/instance/activity')).body).toMatchObject({ code: 'admin_required' })
    expect((await client.post('/api/board/links')).body).toMatchObject({ code: 'board_token_required' })
  })

  test('Secrets in the settings of agents are for those who decide about agents', async () => {
    const read = async (role: MemberRole) => JSON.stringify((await people[role].client.get(`/api/agents/${worker.id}`)).body)
    expect(await read('admin')).toContain('a secret value')
    expect(await read('owner')).toContain('a secret value')
    expect(await read('operator')).not.toContain('a secret value')
    expect(await read('viewer')).not.toContain('a secret value')
  })

  test('An operator cannot set what this host runs on an issue', async () => {
    const body = { title: 'New', assigneeAdapterOverrides: { adapterConfig: { command: 'sh' } } }
    const send = (role: MemberRole) => people[role].client.post(`/api/companies/${ours.company.id}/issues`, body)
    expect((await send('operator')).body).toMatchObject({ code: 'approval_required' })
    expect((await send('admin')).status).toBe(201)
  })
})

describe('the company boundary of people (I12)', () => {
  test('A row of another company and a row that does not exist get the same answer, for a member elsewhere and for a stranger', async () => {
    const foreign = await theirs.issue()
    const stranger = await person(server(), 'Stranger')
    const missing = '0b6ac4d7-98a5-4f0b-8a7b-2d7c02b2b9f1'
    const shown = ({ status, body: { error, code } }: { status: number; body: { error: string; code: string } }) => ({
      status,
      error,
      code,
    })
    for (const { client } of [people.owner, stranger])
      for (const [there, nowhere] of [
        [`/api/companies/${theirs.company.id}`, `/api/companies/${missing}`],
        [`/api/companies/${theirs.company.id}/issues`, `/api/companies/${missing}/issues`],
        [`/api/issues/${foreign.id}`, `/api/issues/${missing}`],
        [`/api/issues/${foreign.identifier}`, '/api/issues/ZZZ-999'],
        [`/api/issues/${foreign.id}/comments`, `/api/issues/${missing}/comments`],
        [`/api/companies/${theirs.company.id}/events/stream?follow=false`, `/api/companies/${missing}/events/stream?follow=false`],
      ] as const) {
        expect(shown(await client.get(there))).toEqual(shown(await client.get(nowhere)))
        expect((await client.get(there)).status).toBe(404)
      }
    expect((await stranger.client.get('/api/companies')).body).toEqual([])
    expect((await stranger.client.get('/api/companies/stats')).body).toEqual({})
    expect((await people.viewer.client.get('/api/companies')).body).toMatchObject([{ id: ours.company.id }])
    expect(Object.keys((await people.viewer.client.get('/api/companies/stats')).body)).toEqual([ours.company.id])
  })

  test('A person learns its role and its grants in each of its companies, and only there', async () => {
    for (const role of memberRoles)
      expect((await people[role].client.get('/api/whoami')).body).toMatchObject({
        memberships: [{ companyId: ours.company.id, role, grants: [] }],
      })
    expect((await worker.client.get('/api/whoami')).body.memberships).toBeNull()
    expect((await boardOf(server()).get('/api/whoami')).body.memberships).toBeNull()
  })

  test('A package is imported into a company only by its admins, although the body names the company', async () => {
    const source = { type: 'inline', files: { 'COMPANY.md': '---\nname: Packed\n---\n' } }
    const send = (role: MemberRole, companyId: string) =>
      people[role].client.post('/api/companies/import/preview', { source, target: { mode: 'existing_company', companyId } })
    expect((await send('admin', ours.company.id)).status).toBe(200)
    expect((await send('operator', ours.company.id)).body).toMatchObject({ code: 'role_missing' })
    expect((await send('admin', theirs.company.id)).body).toMatchObject({ code: 'not_found' })
    const anew = await people.owner.client.post('/api/companies/import/preview', { source, target: { mode: 'new_company' } })
    expect(anew.body).toMatchObject({ code: 'admin_required' })
  })
})

describe('a role that changes', () => {
  test('A change counts at once here, and on every server within a second (I16)', async () => {
    const changing = await member(server(), ours.company.id, 'operator')
    const comment = () => changing.client.post(`/api/issues/${issue.id}/comments`, { body: 'A word' })
    expect((await comment()).status).toBe(201)
    await setRole(server(), changing.id, ours.company.id, 'viewer')
    await expect.poll(async () => (await comment()).status, { timeout: 5000 }).toBe(403)
    await boardOf(server()).put(`/api/admin/users/${changing.id}/company-access`, { companyIds: [] })
    expect((await comment()).status).toBe(404)
  })

  test('A stream of events ends with the session, with the membership and with the role', async () => {
    const path = `/api/companies/${ours.company.id}/events/stream`
    const ended: [string, (it: TestPerson) => Promise<unknown>][] = [
      ['session', ({ client }) => client.post('/api/auth/sign-out')],
      ['membership', ({ id }) => boardOf(server()).put(`/api/admin/users/${id}/company-access`, { companyIds: [] })],
      ['role', ({ id }) => setRole(server(), id, ours.company.id, 'viewer')],
    ]
    for (const [, end] of ended) {
      const watching = await member(server(), ours.company.id, 'admin')
      const stream = await follow(server().url, path, { cookie: watching.cookie })
      expect(stream.status).toBe(200)
      await end(watching)
      await stream.ended
    }
  })

  test('A company that a person makes is its own at once', async () => {
    const maker = await person(server(), 'Maker')
    await boardOf(server()).post(`/api/admin/users/${maker.id}/promote-instance-admin`)
    const other = await person(server(), 'Other')
    await boardOf(server()).post(`/api/admin/users/${other.id}/promote-instance-admin`)
    const { body } = await maker.client.post('/api/companies', { name: 'Made' })
    await boardOf(server()).post(`/api/admin/users/${maker.id}/demote-instance-admin`)
    expect((await browser(server()).get(`/api/companies/${body.id}`, { cookie: maker.cookie })).status).toBe(200)
    expect((await maker.client.get('/api/cli-auth/me')).body).toMatchObject({ companyIds: [body.id], isInstanceAdmin: false })
  })
})
