// Rights that are withdrawn while requests of the person are on their way.

import { once } from 'node:events'
import { connect } from 'node:net'
import { describe, expect, onTestFinished, test } from 'vitest'
import { waitUntil } from '../dev/testing/holds.ts'
import { boardOf, commandLineOf, member, person } from '../dev/testing/people.ts'
import type { TestPerson } from '../dev/testing/people.ts'
import { useServer, world } from '../dev/testing/world.ts'
import type { Answer, World } from '../dev/testing/world.ts'

const server = useServer({ people: {}, boardMode: 'token' })

/** A request of which the server has the head and half of the body. */
interface Held {
  /** Sends the rest. @returns the status */
  readonly finish: () => Promise<number>
}

/** Begins a request and holds the end of its body back. */
async function hold(method: string, path: string, headers: Record<string, string>, body: object): Promise<Held> {
  const { hostname, port, host } = new URL(server().url)
  const text = JSON.stringify(body)
  const socket = connect({ host: hostname, port: Number(port) })
  onTestFinished(() => void socket.destroy())
  const all = { host, 'content-type': 'application/json', 'content-length': String(text.length), expect: '100-continue', ...headers }
  const lines = Object.entries(all).map(([name, value]) => `${name}: ${value}\r\n`)
  socket.write(`${method} ${path} HTTP/1.1\r\n${lines.join('')}\r\n${text.slice(0, 1)}`)
  const [interim] = (await once(socket, 'data')) as [Buffer]
  expect(interim.toString()).toContain('100 Continue')
  // Answered behind the look-up of the held request, which needs the same row.
  await server().anonymous.get('/api/cli-auth/me', headers)
  return {
    finish: async () => {
      socket.write(text.slice(1))
      const [answer] = (await once(socket, 'data')) as [Buffer]
      return Number(/^HTTP\/1\.1 (\d{3})/.exec(answer.toString())?.[1])
    },
  }
}

const headersOf = ({ cookie }: TestPerson): Record<string, string> => ({ cookie, origin: server().url })
const membersAt = ({ company }: World): string => `/api/companies/${company.id}/members`

async function memberPath(here: World, personId: string): Promise<string> {
  const { body } = await boardOf(server()).get(membersAt(here))
  const found = (body as { id: string; principalId: string }[]).find(({ principalId }) => principalId === personId)
  return `${membersAt(here)}/${found?.id}`
}

const roleOf = async (here: World, { id }: TestPerson): Promise<unknown> =>
  (
    await server().database.sql.query(
      'select membership_role as role, status from company_memberships where company_id = $1 and principal_id = $2',
      [here.company.id, id],
    )
  ).rows[0]

describe('a request whose body is held back', () => {
  test('An owner who is suspended meanwhile does not restore itself, and one who is made a viewer gives nothing away (I16)', async () => {
    const here = await world(server())
    const [owner, other] = [await member(server(), here.company.id, 'owner'), await member(server(), here.company.id, 'owner')]
    const path = await memberPath(here, owner.id)
    const restore = await hold('PATCH', path, headersOf(owner), { role: 'owner', status: 'active' })
    const invite = await hold('POST', `/api/companies/${here.company.id}/invites`, headersOf(owner), { memberRole: 'owner' })
    expect((await other.client.patch(path, { status: 'suspended' })).status).toBe(200)
    expect([await restore.finish(), await invite.finish()]).toEqual([404, 404])
    expect(await roleOf(here, owner)).toEqual({ role: 'owner', status: 'suspended' })
    expect((await other.client.patch(path, { status: 'active' })).status).toBe(200)
    const again = await hold('PATCH', path, headersOf(owner), { role: 'owner' })
    expect((await other.client.patch(path, { role: 'viewer' })).status).toBe(200)
    expect(await again.finish()).toBe(403)
    expect(await roleOf(here, owner)).toEqual({ role: 'viewer', status: 'active' })
  })

  test('A session, the key of a command line and the key of an agent that end meanwhile change nothing (I16)', async () => {
    const here = await world(server())
    const ada = await member(server(), here.company.id, 'operator')
    const line = await commandLineOf(server(), ada)
    const agent = await here.agent()
    const key = (await boardOf(server()).post(`/api/agents/${agent.id}/keys`, {})).body as { id: string; token: string }
    const issues = `/api/companies/${here.company.id}/issues`
    const login = (await server().anonymous.post('/api/cli-auth/challenges', { command: 'x' })).body as {
      boardApiToken: string
      id: string
      token: string
    }
    await ada.client.post(`/api/cli-auth/challenges/${login.id}/approve`, { token: login.token })
    const held = [
      await hold('POST', issues, headersOf(ada), { title: 'By a session' }),
      await hold('POST', issues, { authorization: `Bearer ${login.boardApiToken}` }, { title: 'By a command line' }),
      await hold('POST', issues, { authorization: `Bearer ${key.token}` }, { title: 'By an agent' }),
    ]
    expect((await line.get('/api/cli-auth/me')).status).toBe(200)
    expect((await ada.client.post('/api/auth/revoke-sessions')).status).toBe(200)
    expect((await boardOf(server()).del(`/api/agents/${agent.id}/keys/${key.id}`)).status).toBeLessThan(300)
    expect(await Promise.all(held.map(({ finish }) => finish()))).toEqual([401, 401, 401])
    expect((await boardOf(server()).get(issues)).body).toEqual([])
  })

  test('A run that ends meanwhile gets no package of its company (I16)', async () => {
    const here = await world(server())
    const run = await here.run(await here.agent({ role: 'ceo' }))
    const bearer = { authorization: `Bearer ${run.token}` }
    const preview = `/api/companies/${here.company.id}/exports/preview`
    const [first, second] = [await hold('POST', preview, bearer, {}), await hold('POST', preview, bearer, {})]
    expect(await first.finish()).toBe(200)
    expect((await boardOf(server()).post(`/api/heartbeat-runs/${run.id}/cancel`, {})).status).toBe(200)
    expect(await second.finish()).toBe(401)
  })
})

/** Answers of requests that wait for the lock of a company while its owner changes a role. */
async function behindLock(here: World, change: () => Promise<Answer>, attacks: readonly (() => Promise<Answer>)[]): Promise<Answer[]> {
  const locker = await server().database.sql.connect()
  try {
    await locker.query('begin')
    await locker.query('select id from companies where id = $1 for update', [here.company.id])
    const changing = change()
    await waitersAre(1, 'companies')
    const attacking = attacks.map((attack) => attack())
    await waitersAre(1 + attacks.length, 'companies')
    await locker.query('commit')
    expect((await changing).status).toBe(200)
    return await Promise.all(attacking)
  } finally {
    locker.release()
  }
}

/** Statements about a table that wait for a lock. */
async function waitersFor(table: string): Promise<number> {
  const { rows } = await server().database.sql.query<{ count: number }>(
    "select count(*)::int as count from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock' and query like '%' || $1 || '%'",
    [`"${table}"`],
  )
  return rows[0]?.count ?? 0
}

const waitersAre = (count: number, table: string): Promise<void> =>
  waitUntil(`${count} wait for a lock`, async () => (await waitersFor(table)) >= count)

describe('a request that waits for the change of its own rights', () => {
  test('An owner who is made a viewer restores, promotes, invites and admits no person behind it (I16)', async () => {
    const here = await world(server())
    const company = here.company.id
    const [owner, other, joiner] = [
      await member(server(), company, 'owner'),
      await member(server(), company, 'owner'),
      await person(server()),
    ]
    const friend = await member(server(), company, 'viewer')
    const [own, ofFriend] = [await memberPath(here, owner.id), await memberPath(here, friend.id)]
    const { body: invitation } = await other.client.post(`/api/companies/${company}/invites`, {
      allowedJoinTypes: 'human',
      memberRole: 'admin',
    })
    const { body: asked } = await joiner.client.post(`/api/invites/${invitation.token}/accept`, { requestType: 'human' })
    const answers = await behindLock(here, () => other.client.patch(own, { role: 'viewer' }), [
      () => owner.client.patch(own, { role: 'owner' }),
      () => owner.client.patch(ofFriend, { role: 'owner' }),
      () => owner.client.patch(`${ofFriend}/permissions`, { grants: [{ permissionKey: 'users:manage_permissions' }] }),
      () => owner.client.post(`/api/companies/${company}/invites`, { allowedJoinTypes: 'human', memberRole: 'owner' }),
      () => owner.client.post(`/api/companies/${company}/openclaw/invite-prompt`, {}),
      () => owner.client.post(`/api/companies/${company}/join-requests/${asked.id}/approve`),
    ])
    expect(answers.map(({ body }) => (body as { code: string }).code)).toEqual(answers.map(() => 'role_missing'))
    expect(await roleOf(here, owner)).toEqual({ role: 'viewer', status: 'active' })
    expect(await roleOf(here, friend)).toEqual({ role: 'viewer', status: 'active' })
  })

  test('An administrator who is demoted makes itself no administrator and enters no company behind it (I16)', async () => {
    const here = await world(server())
    const [demoted, other] = [await person(server()), await person(server())]
    const at = (user: TestPerson, rest: string): string => `/api/admin/users/${user.id}/${rest}`
    for (const user of [demoted, other]) expect((await boardOf(server()).post(at(user, 'promote-instance-admin'))).status).toBe(201)
    const locker = await server().database.sql.connect()
    try {
      await locker.query('begin')
      await locker.query('select id from instance_administrators where person_id = $1 for update', [demoted.id])
      const changing = other.client.post(at(demoted, 'demote-instance-admin'))
      await waitersAre(1, 'instance_administrators')
      const attacks = [
        demoted.client.post(at(demoted, 'promote-instance-admin')),
        demoted.client.post(at(other, 'demote-instance-admin')),
        demoted.client.put(at(demoted, 'company-access'), { companyIds: [here.company.id] }),
      ]
      await waitersAre(2, 'instance_administrators')
      await locker.query('commit')
      expect((await changing).status).toBe(200)
      const answers = await Promise.all(attacks)
      expect(answers.map(({ body }) => (body as { code: string }).code)).toEqual(answers.map(() => 'admin_required'))
    } finally {
      locker.release()
    }
  })
})
