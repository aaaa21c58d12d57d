import { randomBytes, randomUUID } from 'node:crypto'
import { hashToken } from '../../auth/tokens.ts'
import type { Actor, AgentActor, BoardActor, MemberRole } from '../../platform/kernel/actor.ts'
import { agentActor } from './actors.ts'
import { createAgent, createFixtures, createPerson } from './contractFixtures.ts'
import type { ApiUnderTest, FixtureRows, Fixtures, PersonKind } from './contractFixtures.ts'
import { bearer, bySession, boardByToken, personas } from './personas.ts'
import { newSessionToken, sessionCookie } from './sessions.ts'

// The columns of the table of permissions: every kind of caller, as the routes see it and as it asks over HTTP.

/** The companies of one walk with their callers, and the credentials that only the table needs. */
export interface Stage {
  readonly fixtures: Fixtures
  /** Another company with callers of its own. */
  readonly elsewhere: Fixtures
  readonly pendingKey: string
  readonly terminatedKey: string
  readonly endedRunToken: string
  /** The key of the command line of an operator. */
  readonly operatorKey: string
}

/** A column of the table. */
export interface Caller {
  readonly name: string
  /** An explanation for the reader of the table. */
  readonly means: string
  /** As the routes see it; null for a credential that cannot be used. */
  readonly actor: Actor | null
  /** The rows that a path names are of a company to which it does not belong. */
  readonly isElsewhere?: boolean
  readonly isPaused?: boolean
  /** Belongs to no company alone, so that it may see all of them. */
  readonly seesAll?: boolean
  readonly headers: (stage: Stage, rows: FixtureRows) => Readonly<Record<string, string>>
  /** Gives it a session or key of its own, for a request that ends those of its person. */
  readonly renew?: (stage: Stage) => Promise<Stage>
}

/** The company of the rows in a path, and the agent in it, as `actor` of the callers names them. */
export const HERE = 'here'
export const TARGET_AGENT = 'agent'

const administrator: BoardActor = {
  kind: 'board',
  userId: 'a person',
  isAdmin: true,
  via: 'session',
  uid: null,
  companies: null,
  grants: new Map(),
  role: 'owner',
  session: { id: 'a session', name: 'Person', email: null },
}
const localBoard: BoardActor = { ...administrator, via: 'ambient', session: null }
const anonymous: Actor = { kind: 'anonymous', reason: 'through_proxy', uid: null }

const aMember = (role: MemberRole | null, companyId = HERE): BoardActor => ({
  ...administrator,
  isAdmin: false,
  companies: new Map(role === null ? [] : [[companyId, role]]),
  role: null,
})

/** The headers of a caller that other tests use, too. */
function headersOf(name: string): Caller['headers'] {
  const persona = [...personas, boardByToken].find((each) => each.name === name)
  if (persona === undefined) throw new Error(`personas.ts has no ${name}`)
  return ({ fixtures }, rows) => persona.headers(fixtures, rows)
}

/** A caller with a credential that cannot be used. */
const unusable = (name: string, means: string, headers: Caller['headers'] = headersOf(name)): Caller => ({
  name,
  means,
  headers,
  actor: null,
})

const agent = (name: string, means: string, actor: AgentActor): Caller => ({ name, means, actor, headers: headersOf(name) })

/** A person by a session, who belongs to the company of the rows or to none. */
const person = (name: PersonKind, means: string, actor: BoardActor): Caller => ({
  name,
  means,
  actor,
  headers: ({ fixtures }) => bySession(fixtures.cookies[name], fixtures),
  renew: async (stage) => ({ ...stage, fixtures: await signInAnew(stage.fixtures, name) }),
})

const itself = agentActor(TARGET_AGENT, HERE)
const chief = { role: 'ceo', canCreateAgents: true }

const ceoElsewhere: Caller = {
  name: 'CEO elsewhere',
  means: 'an agent of another company with the role CEO, by its key',
  actor: agentActor('ceo', 'elsewhere', chief),
  isElsewhere: true,
  headers: ({ elsewhere }) => bearer(elsewhere.ceo.key),
}

const ownerElsewhere: Caller = {
  name: 'owner elsewhere',
  means: 'a person who owns another company',
  actor: aMember('owner', 'elsewhere'),
  isElsewhere: true,
  headers: ({ elsewhere }) => bySession(elsewhere.cookies.owner, elsewhere),
  renew: async (stage) => ({ ...stage, elsewhere: await signInAnew(stage.elsewhere, 'owner') }),
}

const commandLine: Caller = {
  name: 'board key',
  means: 'the command line of an operator, by its key',
  actor: { ...aMember('operator'), via: 'board_key' },
  headers: ({ operatorKey }) => bearer(operatorKey),
  renew: async (stage) => ({ ...stage, operatorKey: await createBoardKey(stage.fixtures) }),
}

/** Every kind of caller. The rows that a path names belong to `agent`: its issue, its run, its key. */
export const callers: readonly Caller[] = [
  { name: 'anonymous', means: 'no credential', actor: anonymous, headers: headersOf('anonymous') },
  {
    name: 'ended session',
    means: 'a browser whose session has ended',
    actor: anonymous,
    headers: ({ fixtures }) => bySession(sessionCookie(newSessionToken()), fixtures),
  },
  unusable('garbage', 'a bearer that is unknown'),
  unusable('revoked key', 'an API key that was revoked'),
  unusable('pending', 'an agent whose hire waits for its approval, by its key', ({ pendingKey }) => bearer(pendingKey)),
  unusable('terminated', 'an agent that was terminated, by its key', ({ terminatedKey }) => bearer(terminatedKey)),
  unusable('ended run', 'an agent by the token of a run that has ended', ({ endedRunToken }) => bearer(endedRunToken)),
  { ...agent('outsider', 'an agent of another company, by the token of its run', agentActor('outsider', 'elsewhere')), isElsewhere: true },
  ceoElsewhere,
  agent('peer', 'another agent of the company', agentActor('peer', HERE)),
  agent('agent', 'the agent whose rows the path names, by its key', itself),
  { ...agent('agent', 'that agent while it is paused', itself), name: 'paused', isPaused: true },
  agent('run', 'that agent by the token of its live run', { ...itself, via: 'token', runId: 'run' }),
  agent('creator', 'another agent, which may create agents', agentActor('creator', HERE, { canCreateAgents: true })),
  agent('ceo', 'another agent, with the role CEO', agentActor('ceo', HERE, chief)),
  { name: 'board', means: 'the board of this machine, by its account', actor: localBoard, seesAll: true, headers: headersOf('board') },
  {
    name: 'token',
    means: 'the board by its token',
    actor: { ...localBoard, via: 'token' },
    seesAll: true,
    headers: headersOf('board by token'),
  },
  { ...person('stranger', 'a person who is a member of no company', aMember(null)), isElsewhere: true },
  ownerElsewhere,
  person('viewer', 'a member of the company with that role', aMember('viewer')),
  person('operator', 'a member with that role', aMember('operator')),
  commandLine,
  person('admin', 'a member with that role', aMember('admin')),
  person('owner', 'a member with that role', aMember('owner')),
  { ...person('administrator', 'a person who administers the instance', administrator), seesAll: true },
]

async function signInAnew(fixtures: Fixtures, kind: PersonKind): Promise<Fixtures> {
  const cookie = await createPerson(fixtures.api, fixtures.company.id, kind)
  return { ...fixtures, cookies: { ...fixtures.cookies, [kind]: cookie } }
}

const insertOperatorWithKey = `
  with person as (insert into people (id, name, email) values ($1, 'Operator', $1 || '@example.com')),
    member as (insert into company_memberships (company_id, principal_type, principal_id, membership_role)
      values ($2, 'user', $1, 'operator'))
  insert into board_keys (user_id, name, key_hash, expires_at) values ($1, 'stage', $3, now() + interval '1 hour')`

/** Creates an operator with a command line. @returns the key */
async function createBoardKey({ api, company }: Fixtures): Promise<string> {
  const key = `pcp_board_${randomBytes(24).toString('hex')}`
  await api.sql.query(insertOperatorWithKey, [randomUUID(), company.id, hashToken(key)])
  return key
}

/** An agent in a status in which its key has ended. */
async function createStopped({ api, company }: Fixtures, status: 'pending_approval' | 'terminated'): Promise<string> {
  const { id, key } = await createAgent(api, company.id)
  await api.sql.query('update agents set status = $2 where id = $1', [id, status])
  return key
}

async function createEndedRun({ api, company, peer }: Fixtures): Promise<string> {
  const runId = randomUUID()
  await api.sql.query(
    "insert into heartbeat_runs (id, company_id, agent_id, status, finished_at) values ($1, $2, $3, 'succeeded', now())",
    [runId, company.id, peer.id],
  )
  return (await api.tokens.sign({ agentId: peer.id, companyId: company.id, adapterType: 'process', runId })).token
}

/** Creates every caller. */
export async function createStage(api: ApiUnderTest): Promise<Stage> {
  const [fixtures, elsewhere] = [await createFixtures(api), await createFixtures(api)]
  return {
    fixtures,
    elsewhere,
    pendingKey: await createStopped(fixtures, 'pending_approval'),
    terminatedKey: await createStopped(fixtures, 'terminated'),
    endedRunToken: await createEndedRun(fixtures),
    operatorKey: await createBoardKey(fixtures),
  }
}

/** Pauses the agent of the rows, whatever its status was. */
export const pauseAgent = async (api: ApiUnderTest, { agent }: FixtureRows): Promise<void> =>
  void (await api.sql.query("update agents set status = 'paused', pause_reason = 'manual', paused_at = now() where id = $1", [agent.id]))
