import { beforeEach, describe, expect, test } from 'vitest'
import { boardOf, commandLineOf, member, person } from '../../dev/testing/people.ts'
import { countByStatus } from '../../dev/testing/race.ts'
import { auditCount, useServer, world } from '../../dev/testing/world.ts'
import type { Client } from '../../dev/testing/world.ts'
import { offerClaim } from './index.ts'

const server = useServer({ people: {}, boardMode: 'token' })

beforeEach(async () => void (await server().database.sql.query('delete from instance_administrators')))

const URL_PATTERN = /^\/board-claim\/([0-9a-f]{48})\?code=([0-9a-f]{24})$/

/** The claim that a server prints at its start. */
async function offer() {
  const path = (await offerClaim(server().store)) ?? ''
  const [, token = '', code = ''] = URL_PATTERN.exec(path) ?? []
  return { path, token, code }
}
type Offer = Awaited<ReturnType<typeof offer>>

const read = ({ token, code }: Offer, client: Client = server().anonymous) => client.get(`/api/board-claim/${token}?code=${code}`)
const claim = ({ token, code }: Offer, client: Client) => client.post(`/api/board-claim/${token}/claim`, { code })
const rolesOf = async (personId: string) =>
  (
    await server().database.sql.query<{ id: string; role: string; status: string }>(
      'select company_id as id, membership_role as role, status from company_memberships where principal_id = $1 order by company_id',
      [personId],
    )
  ).rows

describe('the claim of an instance', () => {
  test('A server offers the instance only while it has no administrator, and keeps hashes of the two secrets', async () => {
    const made = await offer()
    expect(made.path).toMatch(URL_PATTERN)
    const { rows } = await server().database.sql.query(
      "select c::text as row, l.details from board_claims c join activity_log l on l.entity_id = c.id::text and l.action = 'board_claim.offered'",
    )
    expect(rows).toHaveLength(1)
    for (const secret of [made.token, made.code]) expect(JSON.stringify(rows)).not.toContain(secret)
    const ada = await person(server())
    await boardOf(server()).post(`/api/admin/users/${ada.id}/promote-instance-admin`)
    const before = await auditCount(server())
    expect(await offerClaim(server().store)).toBeNull()
    expect(await auditCount(server())).toBe(before)
    expect((await read(made)).body).toMatchObject({ status: 'expired' })
    expect((await claim(made, (await person(server())).client)).body).toMatchObject({ code: 'conflict' })
  })

  test('The person who claims it administers it and owns its companies, and the command lines of the local board end at once', async () => {
    const [one, two] = [await world(server()), await world(server())]
    const bob = await member(server(), one.company.id, 'owner')
    const ofBoard = await commandLineOf(server(), { client: boardOf(server()) })
    const ada = await member(server(), two.company.id, 'viewer')
    await server().database.sql.query("update company_memberships set status = 'suspended' where principal_id = $1", [ada.id])
    const made = await offer()
    expect((await read(made)).body).toEqual({
      status: 'available',
      requiresSignIn: true,
      expiresAt: expect.any(String) as string,
      claimedByUserId: null,
    })
    expect((await ofBoard.get('/api/cli-auth/me')).body).toMatchObject({ isInstanceAdmin: true })
    const answer = await claim(made, ada.client)
    expect(answer, answer.text).toMatchObject({ status: 200, body: { claimed: true, userId: ada.id } })
    expect((await ada.client.get('/api/cli-auth/me')).body).toMatchObject({ isInstanceAdmin: true })
    expect((await ofBoard.get('/api/cli-auth/me')).status).toBe(401)
    const companies = (await ada.client.get('/api/companies')).body as { id: string }[]
    expect((await rolesOf(ada.id)).map(({ id }) => id)).toEqual(companies.map(({ id }) => id).toSorted())
    expect((await rolesOf(ada.id)).every(({ role, status }) => role === 'owner' && status === 'active')).toBe(true)
    expect(await rolesOf(bob.id)).toMatchObject([{ id: one.company.id, role: 'owner' }])
    expect((await read(made)).body).toMatchObject({ status: 'claimed', claimedByUserId: ada.id })
    const { rows } = await server().database.sql.query<{ action: string; companyId: string; details: object }>(
      `select action, company_id as "companyId", details from activity_log
       where txid = (select txid from activity_log where action = 'board_claim.claimed' order by seq desc limit 1) order by seq`,
    )
    expect(rows[0]).toMatchObject({
      action: 'board_claim.claimed',
      companyId: '00000000-0000-0000-0000-000000000000',
      details: { userId: ada.id, companies: companies.length },
    })
    expect(rows.filter(({ action }) => action === 'person.access_changed')).toHaveLength(companies.length)
    expect(rows.map(({ action }) => action)).toEqual(expect.arrayContaining(['person.promoted', 'board_api_key.revoked']))
    for (const secret of [made.token, made.code]) expect(JSON.stringify([rows, answer.body])).not.toContain(secret)
    // The holder of the token of the board stays what it is: command lines and containers have it.
    expect((await boardOf(server()).get('/api/cli-auth/me')).body).toMatchObject({ userId: 'local-board', isInstanceAdmin: true })
  })

  test('Of people who claim at once one wins, also by the URLs of two servers, and it may repeat the request', async () => {
    const [first, second] = [await offer(), await offer()]
    const people = await Promise.all(['A', 'B', 'C', 'D'].map((name) => person(server(), name)))
    const answers = await Promise.all(people.map(({ client }, at) => claim(at % 2 === 0 ? first : second, client)))
    expect(countByStatus(answers)).toEqual({ 200: 1, 409: 3 })
    const { rows } = await server().database.sql.query<{ id: string }>('select person_id as id from instance_administrators')
    const winner = answers.findIndex(({ status }) => status === 200)
    expect(rows).toEqual([{ id: people[winner]?.id }])
    const before = await auditCount(server())
    const again = await claim(winner % 2 === 0 ? first : second, people[winner]?.client ?? server().anonymous)
    expect(again).toMatchObject({ status: 200, body: { userId: people[winner]?.id } })
    expect(await auditCount(server())).toBe(before)
  })

  test('A promotion and a claim at once make one administrator, or the claim comes before', async () => {
    const made = await offer()
    const [ada, bob] = [await person(server()), await person(server(), 'Bob')]
    const [claimed, promoted] = await Promise.all([
      claim(made, ada.client),
      boardOf(server()).post(`/api/admin/users/${bob.id}/promote-instance-admin`),
    ])
    expect(promoted.status).toBe(201)
    const { rows } = await server().database.sql.query('select from instance_administrators')
    expect(rows).toHaveLength(claimed.status === 200 ? 2 : 1)
  })

  test('Only who has the whole URL, and a session, claims it; and not after a day', async () => {
    const made = await offer()
    const other = await offer()
    const ada = await person(server())
    const { agent } = await world(server())
    const worker = await agent()
    const ofAda = await commandLineOf(server(), ada)
    const before = await auditCount(server())
    for (const wrong of [
      { ...made, code: other.code },
      { ...made, code: 'x' },
      { ...made, token: 'x' },
      { ...made, token: '0'.repeat(48) },
    ]) {
      expect((await read(wrong)).body).toMatchObject({ code: 'not_found', error: 'Board claim not found' })
      expect((await claim(wrong, ada.client)).body).toMatchObject({ code: 'not_found' })
    }
    expect((await server().anonymous.get(`/api/board-claim/${made.token}`)).status).toBe(404)
    expect((await ada.client.post(`/api/board-claim/${made.token}/claim`, {})).body).toMatchObject({ code: 'validation_failed' })
    expect((await claim(made, server().anonymous)).body).toMatchObject({ code: 'unauthorized' })
    expect((await claim(made, worker.client)).body).toMatchObject({ code: 'board_required' })
    expect((await claim(made, boardOf(server()))).body).toMatchObject({ code: 'session_required' })
    expect((await claim(made, ofAda)).body).toMatchObject({ code: 'session_required' })
    expect((await claim(made, ada.client.with({ origin: 'https://evil.example' }))).body).toMatchObject({ code: 'origin_not_allowed' })
    await server().database.sql.query("update board_claims set expires_at = now() - interval '1 second'")
    expect((await read(made)).body).toMatchObject({ status: 'expired' })
    expect((await claim(made, ada.client)).body).toMatchObject({ code: 'conflict', error: 'Board claim expired' })
    expect(await auditCount(server())).toBe(before)
    expect(await rolesOf(ada.id)).toEqual([])
  })
})
