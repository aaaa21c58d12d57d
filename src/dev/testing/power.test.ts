import { beforeEach, describe, expect, test } from 'vitest'
import { agentHolders, permissions } from '../../auth/permissions.ts'
import { fieldMeanings } from '../../auth/power.ts'
import { patchAgentBody, permissionsBody } from '../../org/agents/index.ts'
import { declaredRoutes, namedRoutes } from './declaredRoutes.ts'
import { auditCount, useServer, world } from './world.ts'
import type { TestAgent, World } from './world.ts'

const isOpenToAgents = (permission: keyof typeof permissions): boolean =>
  permissions[permission].some((holder) => agentHolders.includes(holder))

interface Definition {
  readonly type: string
  readonly innerType?: Schema
  readonly in?: Schema
  readonly options?: readonly Schema[]
  readonly element?: Schema
}
interface Schema {
  readonly def: Definition
  readonly shape?: Readonly<Record<string, Schema>>
}

type Meanings = Readonly<Record<string, unknown>>

/** The names of all fields that a schema reads, those of inner objects included, except within a setting that is power as a whole. */
function fieldsIn(schema: Schema, known: Meanings): string[] {
  const { type, innerType, options, element } = schema.def
  if (type === 'object')
    return Object.entries(schema.shape ?? {}).flatMap(([name, field]) =>
      known[name] === 'host' ? [name] : [name, ...fieldsIn(field, known)],
    )
  if (type === 'union') return (options ?? []).flatMap((option) => fieldsIn(option, known))
  const inner = innerType ?? element ?? schema.def.in
  return inner === undefined ? [] : fieldsIn(inner, known)
}

const meaningsOf = (permission: string): Meanings => (permission in fieldMeanings ? fieldMeanings[permission as 'agent.update'] : {})

const bodies = namedRoutes(declaredRoutes()).flatMap(([name, { body, permission }]) =>
  body !== undefined && isOpenToAgents(permission)
    ? [[name, permission, fieldsIn(body as unknown as Schema, meaningsOf(permission))] as const]
    : [],
)

describe('the meaning of fields', () => {
  test.each(bodies)('Every field of the body of %s has a meaning for an agent', (_, permission, fields) => {
    const known = meaningsOf(permission)
    expect(fields.filter((field) => known[field] === undefined)).toEqual([])
  })

  test('No meaning is left of a field that no body has', () => {
    const read = new Map<string, Set<string>>()
    for (const [, permission, fields] of bodies) read.set(permission, new Set([...(read.get(permission) ?? []), ...fields]))
    for (const [permission, fields] of Object.entries(fieldMeanings))
      expect([permission, Object.keys(fields).filter((field) => read.get(permission)?.has(field) !== true)]).toEqual([permission, []])
  })
})

const server = useServer()
let fixture: World
let peer: TestAgent
let callers: Readonly<Record<'worker' | 'creator' | 'ceo', TestAgent>>

beforeEach(async () => {
  fixture = await world(server())
  peer = await fixture.agent({ budgetMonthlyCents: 100, adapterConfig: { command: 'old' } })
  callers = {
    worker: await fixture.agent({ budgetMonthlyCents: 100 }),
    creator: await fixture.agent({ permissions: { canCreateAgents: true } }),
    ceo: await fixture.agent({ role: 'ceo' }),
  }
})

const board = () => server().board
/** The part of an agent that gives power or decides what the host runs. */
async function powerOf(id: string) {
  const {
    role,
    reportsTo,
    adapterType,
    adapterConfig,
    runtimeConfig,
    budgetMonthlyCents,
    permissions: granted,
    status,
    access,
  } = (await board().get(`/api/agents/${id}`)).body
  const { canAssignTasks } = access
  return { role, reportsTo, adapterType, adapterConfig, runtimeConfig, budgetMonthlyCents, granted, status, canAssignTasks }
}

/** For every field of a change of an agent, a value that would give power if the field can. */
const grabs: Readonly<Record<keyof typeof patchAgentBody.shape, (caller: TestAgent) => unknown>> = {
  name: () => 'Renamed',
  title: () => 'The boss',
  icon: () => 'crown',
  capabilities: () => 'Everything',
  metadata: () => ({ admin: true }),
  role: () => 'ceo',
  reportsTo: (caller) => caller.id,
  adapterType: () => 'http',
  adapterConfig: () => ({ command: 'evil' }),
  desiredSkills: () => ['paperclip-create-agent'],
  runtimeConfig: () => ({ heartbeat: { intervalSec: 10 } }),
  replaceAdapterConfig: () => true,
  budgetMonthlyCents: () => 0,
  spentMonthlyCents: () => 0,
  status: () => 'active',
  permissions: () => ({ canCreateAgents: true }),
}
const grabbable = Object.keys(patchAgentBody.shape) as (keyof typeof grabs)[]

describe('PATCH /agents/:id by an agent', () => {
  for (const caller of ['worker', 'creator', 'ceo'] as const)
    for (const target of ['itself', 'a peer'] as const)
      test.each(grabbable)(
        `The field %s sent by ${caller} about ${target} gives no power, alone or among others in any order`,
        async (field) => {
          const { id, client } = callers[caller]
          const subject = target === 'itself' ? id : peer.id
          const grab = { [field]: grabs[field](target === 'itself' ? peer : callers[caller]) }
          const before = await powerOf(subject)
          for (const body of [grab, { title: 'x', ...grab }, { ...grab, title: 'y' }, { ...grab, metadata: { a: 1 } }]) {
            const answer = await client.patch(`/api/agents/${subject}`, body)
            expect([200, 202, 400, 403], answer.text).toContain(answer.status)
            if (answer.status === 202) expect(answer.body.approval).toMatchObject({ status: 'pending', requestedByAgentId: id })
            expect(await powerOf(subject)).toEqual(before)
          }
        },
      )

  test('A promotion by an agent creator waits as one approval, however often and in whatever order it is sent', async () => {
    const { client } = callers.creator
    const first = await client.patch(`/api/agents/${peer.id}`, { role: 'ceo', title: 'Boss' })
    expect(first).toMatchObject({ status: 202, body: { role: 'general', title: null } })
    const again = await client.patch(`/api/agents/${peer.id}`, { title: 'Boss', role: 'ceo' })
    expect(again.body.approval.id).toBe(first.body.approval.id)
    expect(await board().post(`/api/approvals/${first.body.approval.id}/approve`)).toMatchObject({ status: 200 })
    expect(await powerOf(peer.id)).toMatchObject({ role: 'ceo' })
  })

  test('An agent creator that asks for a peer below itself cannot take its live work before the board decides', async () => {
    const { agent, run, issue } = await fixture.held()
    const { id, client } = callers.creator
    expect(await client.patch(`/api/agents/${agent.id}`, { reportsTo: id })).toMatchObject({ status: 202, body: { reportsTo: null } })
    const mine = await fixture.run(callers.creator)
    expect(await mine.client.patch(`/api/issues/${issue.id}`, { assigneeAgentId: id })).toMatchObject({ status: 409 })
    expect((await board().get(`/api/issues/${issue.id}`)).body).toMatchObject({ checkoutRunId: run.id, assigneeAgentId: agent.id })
  })

  test('A CEO moves agents below it between roles of one rank, and steps down itself, at once', async () => {
    const { ceo } = callers
    expect(await ceo.client.patch(`/api/agents/${peer.id}`, { role: 'qa' })).toMatchObject({ status: 200, body: { role: 'qa' } })
    const other = await fixture.agent({ role: 'ceo' })
    expect(await ceo.client.patch(`/api/agents/${other.id}`, { role: 'general' })).toMatchObject({ status: 202, body: { role: 'ceo' } })
    expect(await ceo.client.patch(`/api/agents/${ceo.id}`, { role: 'engineer' })).toMatchObject({ status: 200, body: { role: 'engineer' } })
    expect(await ceo.client.patch(`/api/agents/${ceo.id}`, { role: 'ceo' })).toMatchObject({ status: 403 })
  })

  test('A rollback to a revision with a higher role is a proposal', async () => {
    await board().patch(`/api/agents/${peer.id}`, { role: 'ceo' })
    const [{ id: revisionId }] = (await board().get(`/api/agents/${peer.id}/config-revisions`)).body
    await board().patch(`/api/agents/${peer.id}`, { role: 'general' })
    const answer = await callers.creator.client.post(`/api/agents/${peer.id}/config-revisions/${revisionId}/rollback`)
    expect(answer).toMatchObject({ status: 202, body: { role: 'general' } })
    expect(await powerOf(peer.id)).toMatchObject({ role: 'general' })
  })
})

describe('PATCH /agents/:id/permissions by a CEO', () => {
  const none = { canCreateAgents: false, canAssignTasks: false }
  const set = (id: string, body: Readonly<Record<keyof typeof permissionsBody.shape, boolean>>) =>
    callers.ceo.client.patch(`/api/agents/${id}/permissions`, body)

  test('A permission that is granted waits for the board, and the board grants it by its decision', async () => {
    expect(await set(peer.id, none)).toMatchObject({ status: 200, body: { access: { canAssignTasks: false } } })
    const before = await powerOf(peer.id)
    const audited = await auditCount(server())
    const answer = await set(peer.id, { canCreateAgents: true, canAssignTasks: true })
    expect(answer, answer.text).toMatchObject({
      status: 202,
      body: { permissions: { canCreateAgents: false }, approval: { status: 'pending' } },
    })
    expect((await set(peer.id, { canCreateAgents: true, canAssignTasks: true })).body.approval.id).toBe(answer.body.approval.id)
    expect(await set(peer.id, { canCreateAgents: false, canAssignTasks: true })).toMatchObject({ status: 202 })
    expect(await powerOf(peer.id)).toEqual(before)
    expect(await auditCount(server())).toBe(audited + 2)
    expect(await board().post(`/api/approvals/${answer.body.approval.id}/approve`)).toMatchObject({ status: 200 })
    expect(await powerOf(peer.id)).toMatchObject({ granted: { canCreateAgents: true }, canAssignTasks: true })
  })

  test('A CEO gives up its own permission at once, and takes none from another CEO', async () => {
    const other = await fixture.agent({ role: 'ceo' })
    expect(await set(other.id, none)).toMatchObject({ status: 202, body: { permissions: { canCreateAgents: true } } })
    expect(await set(callers.ceo.id, none)).toMatchObject({ status: 200, body: { permissions: { canCreateAgents: false } } })
  })

  test('A proposal of permissions stays one when it is resubmitted, and only a CEO can change what it asks for', async () => {
    await set(peer.id, none)
    const { approval } = (await set(peer.id, { canCreateAgents: false, canAssignTasks: true })).body
    await board().post(`/api/approvals/${approval.id}/request-revision`)
    const resubmit = (agentConfiguration: object) =>
      callers.ceo.client.post(`/api/approvals/${approval.id}/resubmit`, { payload: { agentConfiguration } })
    expect(await resubmit({ changes: { adapterConfig: { command: 'evil' } } })).toMatchObject({
      status: 422,
      body: { code: 'payload_invalid' },
    })
    await board().patch(`/api/agents/${callers.ceo.id}`, { role: 'general' })
    expect(await resubmit({ changes: {}, permissions: { canCreateAgents: true, canAssignTasks: true } })).toMatchObject({ status: 403 })
  })
})

describe('hires and imports by an agent', () => {
  beforeEach(() => board().patch(`/api/companies/${fixture.company.id}`, { requireBoardApprovalForNewAgents: false }))

  test.each([
    ['creator', 'cto', 'pending_approval'],
    ['creator', 'engineer', 'idle'],
    ['ceo', 'cto', 'idle'],
    ['ceo', 'ceo', 'pending_approval'],
  ] as const)('A hire by the %s of an agent with the role %s is %s', async (caller, role, status) => {
    const answer = await callers[caller].client.post(`/api/companies/${fixture.company.id}/agent-hires`, { name: 'Ann', role })
    expect(answer).toMatchObject({ status: 201, body: { agent: { role, status } } })
  })

  test('A package that a CEO imports creates no agent with power', async () => {
    const files = {
      'COMPANY.md': '---\nname: X\n---\n',
      'agents/boss/AGENTS.md': '---\nname: Boss\nrole: ceo\n---\nObey me',
      '.paperclip.yaml': JSON.stringify({
        schema: 'paperclip-server/v1',
        agents: {
          boss: { permissions: { canCreateAgents: true }, runtimeConfig: { heartbeat: { intervalSec: 10 } }, adapterType: 'http' },
        },
      }),
    }
    const answer = await callers.ceo.client.post(`/api/companies/${fixture.company.id}/imports/apply`, {
      source: { type: 'inline', files },
      target: { mode: 'existing_company', companyId: fixture.company.id },
      collisionStrategy: 'rename',
    })
    expect(answer.status, answer.text).toBe(200)
    const [{ id }] = answer.body.agents
    expect(await powerOf(id)).toMatchObject({
      role: 'general',
      granted: { canCreateAgents: false },
      adapterType: 'process',
      adapterConfig: {},
      runtimeConfig: {},
    })
  })

  test('An agent sets no adapter settings for the assignee of an issue', async () => {
    const overrides = { assigneeAdapterOverrides: { adapterConfig: { command: 'evil' } } }
    const mine = await fixture.run(callers.ceo)
    const create = (body: object) => mine.client.post(`/api/companies/${fixture.company.id}/issues`, { title: 'x', ...body })
    expect(await create(overrides)).toMatchObject({ status: 403, body: { code: 'approval_required' } })
    const { body: issue } = await create({})
    expect(await mine.client.patch(`/api/issues/${issue.id}`, overrides)).toMatchObject({
      status: 403,
      body: { code: 'approval_required' },
    })
    expect(await board().patch(`/api/issues/${issue.id}`, overrides)).toMatchObject({ status: 200 })
    expect(await mine.client.patch(`/api/issues/${issue.id}`, { ...overrides, title: 'y' })).toMatchObject({ status: 200 })
  })
})
