import { randomUUID } from 'node:crypto'
import { expect } from 'vitest'
import type { MemberRole } from '../../platform/kernel/actor.ts'
import { TEST_PASSWORD } from './sessions.ts'
import { TEST_BOARD_TOKEN } from './world.ts'
import type { Answer, Client, TestServer } from './world.ts'

/** A person who has signed in, with the browser in which it did. */
export interface TestPerson {
  readonly id: string
  readonly email: string
  /** The cookies of the browser, as it sends them. */
  readonly cookie: string
  /** Speaks from a page of the server, with the session. */
  readonly client: Client
}

/** The cookies that an answer sets, as a browser sends them back. */
export const cookiesOf = (answer: Answer): string =>
  ((answer.headers as unknown as Record<string, string[]>)['set-cookie'] ?? []).map((line) => line.split(';')[0]).join('; ')

/** A browser that shows a page of the server. */
export const browser = (server: TestServer): Client => server.anonymous.with({ origin: server.url })

/** Signs in from a page of the server. */
export const signIn = (
  server: TestServer,
  email: string,
  password = TEST_PASSWORD,
  headers: Record<string, string> = {},
): Promise<Answer> => browser(server).post('/api/auth/sign-in/email', { email, password }, headers)

/** Makes an account through the API; no limit of sign-ups holds it back. */
export async function person(server: TestServer, name = 'Ada'): Promise<TestPerson> {
  await server.database.sql.query("delete from auth_attempts where key like 'sign-up:%'")
  const email = `${name.toLowerCase()}-${randomUUID().slice(0, 8)}@example.com`
  const answer = await browser(server).post('/api/auth/sign-up/email', { name, email, password: TEST_PASSWORD })
  expect(answer.status, answer.text).toBe(200)
  const cookie = cookiesOf(answer)
  return { id: answer.body.user.id, email, cookie, client: browser(server).with({ cookie }) }
}

/** The holder of the token of the board. */
export const boardOf = (server: TestServer): Client => server.bearer(TEST_BOARD_TOKEN)

/** Makes a person a member of a company. */
export async function join(server: TestServer, { id }: TestPerson, companyId: string, role: MemberRole): Promise<void> {
  const answer = await boardOf(server).put(`/api/admin/users/${id}/company-access`, { companyIds: [companyId] })
  expect(answer.status, answer.text).toBe(200)
  await setRole(server, id, companyId, role)
}

/** Changes the role of a member behind the back of the server, as another server would. */
export const setRole = async (server: TestServer, personId: string, companyId: string, role: MemberRole): Promise<void> =>
  void (await server.database.sql.query('update company_memberships set membership_role = $3 where principal_id = $1 and company_id = $2', [
    personId,
    companyId,
    role,
  ]))

/** A new person who is a member of a company. */
export async function member(server: TestServer, companyId: string, role: MemberRole): Promise<TestPerson> {
  const made = await person(server, role)
  await join(server, made, companyId, role)
  return made
}

/** Lets a command line act as a person. @returns the client with its key */
export async function commandLineOf(server: TestServer, { client }: Pick<TestPerson, 'client'>): Promise<Client> {
  await server.database.sql.query("delete from auth_attempts where key like 'cli-login:%'")
  const login = (await server.anonymous.post('/api/cli-auth/challenges', { command: 'paperclipai company list' })).body
  const answer = await client.post(`/api/cli-auth/challenges/${login.id}/approve`, { token: login.token })
  expect(answer.body, answer.text).toMatchObject({ approved: true })
  return server.bearer(login.boardApiToken)
}
