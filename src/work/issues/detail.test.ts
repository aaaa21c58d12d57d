import { describe, expect, test } from 'vitest'
import type { Actor } from '../../platform/kernel/actor.ts'
import type { ReadDb } from '../../platform/db/types.ts'
import { useServer, world } from '../../dev/testing/world.ts'
import type { Answer, World } from '../../dev/testing/world.ts'
import { issueDetail } from './detail.ts'

const server = useServer()
async function post(path: string, fields: object): Promise<Answer['body']> {
  const { status, text, body } = await server().board.post(`/api${path}`, fields)
  expect(status, text).toBe(201)
  return body
}

const patch = (path: string, body: object) => server().board.patch(`/api${path}`, body)
const remove = (path: string) => server().board.del(`/api${path}`)

/** Each part of a page that an issue may have: how it comes and how it goes. @returns how it goes */
const parts: Readonly<Record<string, (base: World, id: string) => Promise<() => Promise<unknown>>>> = {
  async labels({ company }, id) {
    const label = await post(`/companies/${company.id}/labels`, { name: `Label of ${id}`, color: '#ff0000' })
    await patch(`/issues/${id}`, { labelIds: [label.id] })
    return () => patch(`/issues/${id}`, { labelIds: [] })
  },
  async blockedBy({ issue }, id) {
    const other = await issue()
    await patch(`/issues/${id}`, { blockedByIssueIds: [other.id] })
    return () => patch(`/issues/${id}`, { blockedByIssueIds: [] })
  },
  async blocks({ issue }, id) {
    const other = await issue({ blockedByIssueIds: [id] })
    return () => patch(`/issues/${other.id}`, { blockedByIssueIds: [] })
  },
  async ancestors({ issue }, id) {
    const parent = await issue()
    await patch(`/issues/${id}`, { parentId: parent.id })
    return () => patch(`/issues/${id}`, { parentId: null })
  },
  async project({ company }, id) {
    const project = await post(`/companies/${company.id}/projects`, { name: `Project of ${id}` })
    await patch(`/issues/${id}`, { projectId: project.id })
    return () => patch(`/issues/${id}`, { projectId: null })
  },
  async goal({ company }, id) {
    const goal = await post(`/companies/${company.id}/goals`, { title: `Goal of ${id}`, level: 'company' })
    return () => patch(`/goals/${goal.id}`, { status: 'cancelled' })
  },
  async documentSummaries(_, id) {
    await server().board.put(`/api/issues/${id}/documents/plan`, { format: 'markdown', body: 'First this, then that' })
    return () => remove(`/issues/${id}/documents/plan`)
  },
  async workProducts(_, id) {
    const product = await post(`/issues/${id}/work-products`, { type: 'branch', provider: 'git', title: 'A branch' })
    return () => remove(`/work-products/${product.id}`)
  },
}

/** The parts of an issue's page that have something, and whether a second read has the same answer and the same tag. */
async function read(id: string): Promise<{ found: string[]; isSame: boolean }> {
  const [first, second] = [await server().board.get(`/api/issues/${id}`), await server().board.get(`/api/issues/${id}`)]
  const found = Object.keys(parts).filter((name) =>
    Array.isArray(first.body[name]) ? first.body[name].length > 0 : first.body[name] !== null,
  )
  return { found, isSame: first.text === second.text && first.headers['etag'] === second.headers['etag'] }
}

/** Counts the statements of reads. */
function countingDb(): { db: Pick<ReadDb, 'run'>; names: string[] } {
  const names: string[] = []
  const { read: db } = server().store
  return {
    names,
    db: {
      run(statement, params) {
        names.push(statement.name ?? '')
        return db.run(statement, params)
      },
    },
  }
}

const person: Actor = {
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

describe('the page of an issue', () => {
  test.each(Object.keys(parts))('Its %s are there from the moment that they come to the moment that they go', async (name) => {
    const base = await world(server())
    const { id } = await base.issue()
    expect(await read(id)).toEqual({ found: [], isSame: true })
    const takeAway = await parts[name]?.(base, id)
    expect(await read(id)).toEqual({ found: [name], isSame: true })
    await takeAway?.()
    expect(await read(id)).toEqual({ found: [], isSame: true })
  })

  test('All of its parts are there together', async () => {
    const base = await world(server())
    const { id } = await base.issue()
    await read(id)
    // The goal comes last: an issue with a project has the goal of the project.
    for (const [name, add] of Object.entries(parts)) if (name !== 'goal') await add(base, id)
    expect(await read(id)).toEqual({ found: Object.keys(parts).filter((name) => name !== 'goal'), isSame: true })
  })

  test('A read takes one statement, and two only when a part has come since the last one', async () => {
    const base = await world(server())
    const { id } = await base.issue()
    const { db, names } = countingDb()
    const statementsOf = async (): Promise<string[]> => {
      names.length = 0
      await issueDetail(db, base.company.id, id, person)
      return [...names]
    }
    const [first] = await statementsOf()
    const [second] = await statementsOf()
    expect(await statementsOf()).toEqual([second])
    expect(second).not.toBe(first)
    const takeAway = await parts['labels']?.(base, id)
    expect(await statementsOf()).toEqual([second, first])
    expect(await statementsOf()).toHaveLength(1)
    await takeAway?.()
    expect(await statementsOf()).toHaveLength(1)
    expect(await statementsOf()).toEqual([second])
  })

  test('An issue that was deleted after it was read is not found', async () => {
    const base = await world(server())
    const { id } = await base.issue()
    await read(id)
    await remove(`/issues/${id}`)
    expect(await server().board.get(`/api/issues/${id}`)).toMatchObject({ status: 404 })
    await expect(issueDetail(server().store.read, base.company.id, id, person)).rejects.toMatchObject({ code: 'not_found' })
  })
})
