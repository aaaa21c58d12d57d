import { TEST_BOARD_TOKEN } from './world.ts'
import type { FixtureRows, Fixtures } from './contractFixtures.ts'

/** The header of a caller with a key or a token. */
export const bearer = (token: string): Record<string, string> => ({ authorization: `Bearer ${token}` })

/** A kind of caller. */
export interface Persona {
  readonly name: string
  readonly headers: (fixtures: Fixtures, rows: FixtureRows) => Readonly<Record<string, string>>
}

/** Every kind of caller, the weakest first. A path names the rows of `agent`, and `run` is its run. */
export const personas: readonly Persona[] = [
  // On the server's machine no caller is anonymous; behind a proxy every caller without a credential is.
  { name: 'anonymous', headers: () => ({ 'x-forwarded-for': '203.0.113.7' }) },
  { name: 'garbage', headers: () => bearer('garbage') },
  { name: 'revoked key', headers: (fixtures) => bearer(fixtures.revokedKey) },
  { name: 'outsider', headers: (fixtures) => bearer(fixtures.outsiderToken) },
  { name: 'peer', headers: (fixtures) => bearer(fixtures.peer.key) },
  { name: 'agent', headers: (_, rows) => bearer(rows.agent.key) },
  { name: 'run', headers: (_, rows) => bearer(rows.runToken) },
  { name: 'creator', headers: (fixtures) => bearer(fixtures.creator.key) },
  { name: 'ceo', headers: (fixtures) => bearer(fixtures.ceo.key) },
  { name: 'board', headers: () => ({}) },
]

/** The board by its token, which only the credentials of the board need. It is no column of the table of permissions. */
export const boardByToken: Persona = { name: 'board by token', headers: () => bearer(TEST_BOARD_TOKEN) }

/** The headers of a browser that shows a page of the server and has a session. */
export const bySession = (cookie: string, { api: { url } }: Fixtures): Record<string, string> => ({ cookie, origin: url })

/** The person of the rows that a path names, who is a member of no company. */
export const ownPerson: Persona = {
  name: 'person',
  headers: (fixtures, rows) => bySession(rows.person.cookie, fixtures),
}

/** The command line of that person. */
export const ownCommandLine: Persona = { name: 'command line', headers: (_, rows) => bearer(rows.person.boardKey) }
