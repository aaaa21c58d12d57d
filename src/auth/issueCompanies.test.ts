import { describe, expect, test } from 'vitest'
import { boardOf, member } from '../dev/testing/people.ts'
import { useServer, world } from '../dev/testing/world.ts'
import type { ActivityRow } from '../platform/db/types.ts'
import type { BoardActor } from '../platform/kernel/actor.ts'
import { createIssueCompanies } from './issueCompanies.ts'
import { ofIssue } from './scopes.ts'

const boardActor: BoardActor = {
  kind: 'board',
  userId: 'local-board',
  isAdmin: true,
  via: 'token',
  uid: null,
  companies: null,
  grants: new Map(),
  role: 'owner',
  session: null,
}

const server = useServer({ people: {}, boardMode: 'token' })

/** The people of two companies, and an issue of the first that each of them has tried to read. */
async function setUp() {
  const [here, there] = [await world(server()), await world(server())]
  const issue = await here.issue()
  const path = `/api/issues/${issue.id}`
  const ada = await member(server(), here.company.id, 'operator')
  const stranger = await member(server(), there.company.id, 'owner')
  expect((await ada.client.get(path)).status).toBe(200)
  return { here, there, issue, path, ada, stranger }
}

const missing = { status: 404, body: { error: 'Issue not found' } }

describe('an issue whose company was read just now', () => {
  test('A person of another company gets the same 404 for it as for an issue that is missing (I12)', async () => {
    const { path, stranger } = await setUp()
    for (let n = 0; n < 2; n += 1) {
      expect(await stranger.client.get(path)).toMatchObject(missing)
      expect(await stranger.client.patch(path, { title: 'Mine' })).toMatchObject(missing)
    }
    expect(await stranger.client.get('/api/issues/11111111-1111-4111-8111-111111111111')).toMatchObject(missing)
  })

  test('It is missing to a person whose membership ends, to everyone when it is deleted, and when its company is', async () => {
    const { here, path, ada } = await setUp()
    await server().database.sql.query("delete from company_memberships where company_id = $1 and principal_type = 'user'", [
      here.company.id,
    ])
    await expect.poll(async () => (await ada.client.get(path)).status).toBe(404)
    expect((await boardOf(server()).get(path)).status).toBe(200)
    expect((await boardOf(server()).del(path)).status).toBe(200)
    expect(await boardOf(server()).get(path)).toMatchObject(missing)
    expect(await boardOf(server()).patch(path, { title: 'Gone' })).toMatchObject(missing)
    const other = await here.issue()
    expect((await boardOf(server()).get(`/api/issues/${other.id}`)).status).toBe(200)
    expect((await boardOf(server()).del(`/api/companies/${here.company.id}`)).status).toBe(200)
    expect(await boardOf(server()).get(`/api/issues/${other.id}`)).toMatchObject(missing)
  })

  test('It is found without a question to the database for a second, and then asked for again', async () => {
    const { issue, here } = await setUp()
    const { read } = server().store
    let questions = 0
    const db = Object.create(read, {
      run: { value: (...args: Parameters<typeof read.run>) => ((questions += 1), read.run(...args)) },
    }) as typeof read
    const issueCompanies = createIssueCompanies()
    const find = () => ofIssue()({ actor: boardActor, params: { id: issue.id.toUpperCase() }, query: {}, db, issueCompanies })
    for (let n = 0; n < 3; n += 1) expect(await find()).toEqual({ companyId: here.company.id, id: issue.id })
    expect(questions).toBe(1)
    await expect.poll(async () => [await find(), questions]).toEqual([{ companyId: here.company.id, id: issue.id }, 2])
  })

  test('A company whose deletion was committed during the read is not kept', async () => {
    const { issue, here } = await setUp()
    const issueCompanies = createIssueCompanies()
    const row = { action: 'company.deletion_begun', entityType: 'company', entityId: here.company.id } as ActivityRow
    await issueCompanies.load(async () => {
      issueCompanies.onCommit([row])
      return { id: issue.id, companyId: here.company.id }
    })
    expect(issueCompanies.find(issue.id)).toBeUndefined()
  })
})
