import { TEST_BOARD_TOKEN } from './world.ts'
import { peopleKinds } from './contractFixtures.ts'
import type { FixtureRows, Fixtures } from './contractFixtures.ts'

const bearer = (token: string): Record<string, string> => ({ authorization: `Bearer ${token}` })

/** A kind of caller. */
export interface Persona {
  readonly name: string
  readonly headers: (fixtures: Fixtures, rows: FixtureRows) => Readonly<Record<string, string>>
  /** Can never change anything, so that it needs no subject of its own. */
  readonly isReadOnly: boolean
}

/** Every kind of caller, the weakest first. A path names the rows of `agent`, and `run` is its run. */
export const personas: readonly Persona[] = [
  // On the server's machine no caller is anonymous; behind a proxy every caller without a credential is.
  { name: 'anonymous', headers: () => ({ 'x-forwarded-for': '203.0.113.7' }), isReadOnly: true },
  { name: 'garbage', headers: () => bearer('garbage'), isReadOnly: true },
  { name: 'revoked key', headers: (fixtures) => bearer(fixtures.revokedKey), isReadOnly: true },
  { name: 'outsider', headers: (fixtures) => bearer(fixtures.outsiderToken), isReadOnly: true },
  { name: 'peer', headers: (fixtures) => bearer(fixtures.peer.key), isReadOnly: false },
  { name: 'agent', headers: (_, rows) => bearer(rows.agent.key), isReadOnly: false },
  { name: 'run', headers: (_, rows) => bearer(rows.runToken), isReadOnly: false },
  { name: 'creator', headers: (fixtures) => bearer(fixtures.creator.key), isReadOnly: false },
  { name: 'ceo', headers: (fixtures) => bearer(fixtures.ceo.key), isReadOnly: false },
  { name: 'board', headers: () => ({}), isReadOnly: false },
]

/** The board by its token, which only the credentials of the board need. It is no column of the table of permissions. */
export const boardByToken: Persona = { name: 'board by token', headers: () => bearer(TEST_BOARD_TOKEN), isReadOnly: false }

/** The headers of a browser that shows a page of the server and has a session. */
const bySession = (cookie: string, { api: { url } }: Fixtures): Record<string, string> => ({ cookie, origin: url })

/** People who signed in, the weakest first; the columns behind those of `personas`. */
export const peoplePersonas: readonly Persona[] = peopleKinds.map((kind) => ({
  name: kind,
  headers: (fixtures) => bySession(fixtures.cookies[kind], fixtures),
  isReadOnly: kind === 'stranger',
}))

/** The person of the rows that a path names, who is a member of no company. */
export const ownPerson: Persona = {
  name: 'person',
  headers: (fixtures, rows) => bySession(rows.person.cookie, fixtures),
  isReadOnly: false,
}

/** The command line of that person. */
export const ownCommandLine: Persona = { name: 'command line', headers: (_, rows) => bearer(rows.person.boardKey), isReadOnly: false }
