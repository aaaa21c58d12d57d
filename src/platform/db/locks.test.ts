import { sql } from 'drizzle-orm'
import { describe, expect, test } from 'vitest'
import { lockAgents } from '../../org/agents/index.ts'
import { lockCompany } from '../../org/companies/index.ts'
import { lockIssues } from '../../engine/holds/index.ts'
import { lockRunFacts } from '../../auth/runFacts.ts'
import { plantColumns, waitForLockWaiter } from '../../dev/testing/holds.ts'
import { useServer, world } from '../../dev/testing/world.ts'
import type { Ctx, Tx } from './types.ts'
import { lockingRead, lockOrder, createLockState, recordLocked } from './locks.ts'
import type { LockKind } from './locks.ts'
import { mutate, unchanged } from './mutate.ts'
import { statement } from './statement.ts'

const server = useServer()

describe('the order of row locks (LOCK_PROTOCOL §8, I13)', () => {
  test('The order is company, approval, agent, routine, issue, run, wake, budget, workspace', () => {
    expect(lockOrder).toEqual(['company', 'approval', 'agent', 'routine', 'issue', 'run', 'wake', 'budget', 'workspace'])
  })

  const pairs = lockOrder.flatMap((first) => lockOrder.map((second) => [first, second] as const))
  test.each(pairs)('After a lock of kind %s, one of kind %s is allowed only if it comes later in the order', (first, second) => {
    const state = createLockState()
    recordLocked(state, first, ['b'])
    const take = (id: string) => () => recordLocked(state, second, [id])
    const isLater = lockOrder.indexOf(second) > lockOrder.indexOf(first)
    if (first === second) {
      expect(take('a')).toThrow('lock order')
      expect(take('c')).not.toThrow()
    } else if (isLater) expect(take('a')).not.toThrow()
    else expect(take('z')).toThrow(`lock order: ${second} after ${first}`)
  })

  test('A locked row may be locked again at any time, and the position in the order does not change', () => {
    const state = createLockState()
    recordLocked(state, 'issue', ['a', 'b'])
    recordLocked(state, 'run', ['a'])
    expect(() => recordLocked(state, 'issue', ['a'])).not.toThrow()
    expect(() => recordLocked(state, 'issue', ['c'])).toThrow('lock order: issue after run')
    expect(() => recordLocked(state, 'run', ['b'])).not.toThrow()
  })

  test('The rows of one statement must have ascending ids', () => {
    expect(() => recordLocked(createLockState(), 'run', ['b', 'a'])).toThrow('lock order')
  })
})

describe('locking inside a mutation', () => {
  const inTx = async (body: (tx: Tx, companyId: string) => Promise<unknown>, companyId: string): Promise<void> => {
    const ctx: Ctx = { actor: { kind: 'system', task: 'test' }, companyId, requestId: null, store: server().store, idempotency: null }
    await mutate(ctx, async (tx) => {
      await body(tx, companyId)
      return unchanged(null)
    })
  }

  test('Locks in order commit, and locks out of order fail with the two kinds in the message', async () => {
    const { company, held: heldIssue } = await world(server())
    const { issue, run, agent } = await heldIssue()
    const steps: Partial<Record<LockKind, (tx: Tx) => Promise<unknown>>> = {
      company: (tx) => lockCompany(tx, company.id),
      agent: (tx) => lockAgents(tx, company.id, [agent.id]),
      issue: (tx) => lockIssues(tx, company.id, [issue.id]),
      run: (tx) => lockRunFacts(tx, company.id, [run.id]),
    }
    await inTx(async (tx) => {
      for (const kind of lockOrder) await steps[kind]?.(tx)
    }, company.id)
    const outOfOrder = inTx(async (tx) => {
      await steps.run?.(tx)
      await steps.issue?.(tx)
    }, company.id)
    await expect(outOfOrder).rejects.toThrow('lock order: issue after run')
  })

  test('The locking reads of all folders lock by ascending id for any order of the requested ids', async () => {
    const { company, issue, agent, run } = await world(server())
    const issueIds = (await Promise.all(Array.from({ length: 6 }, () => issue()))).map((each) => each.id)
    const agents = await Promise.all(Array.from({ length: 6 }, () => agent()))
    const runIds = (await Promise.all(agents.map((each) => run(each)))).map((each) => each.id)
    const descending = (ids: readonly string[]) => ids.toSorted((a, b) => (a < b ? 1 : -1))
    await inTx(async (tx) => {
      await lockAgents(tx, company.id, descending(agents.map((each) => each.id)))
      await lockIssues(tx, company.id, descending(issueIds))
      await lockRunFacts(tx, company.id, descending(runIds))
      expect(tx.locks.lockedRows.size).toBe(18)
    }, company.id)
  })

  test('A locking read that does not order its rows fails', async () => {
    const { company, issue } = await world(server())
    for (let index = 0; index < 3; index += 1) await issue()
    const unordered = lockingRead(
      'issue',
      statement<object, { id: string }>('test_unordered_lock').read(sql`select id from issues order by id desc for no key update`),
    )
    await expect(inTx((tx) => unordered(tx, {}), company.id)).rejects.toThrow('lock order')
  })

  test('A write to an issue with two holders locks the run with the lower id first', async () => {
    const { issue, agent, run } = await world(server())
    const holder = await agent()
    const runs = [await run(holder), await run(holder)]
    const [low, high] = runs.map((each) => each.id).toSorted((a, b) => (a < b ? -1 : 1)) as [string, string]
    const blocking = await server().database.sql.connect()
    try {
      for (const [checkoutRunId, executionRunId] of [
        [low, high],
        [high, low],
      ] as const) {
        const mixed = await issue()
        await plantColumns(server(), mixed.id, { checkoutRunId, executionRunId })
        await blocking.query('begin')
        await blocking.query('select 1 from heartbeat_runs where id = $1 for no key update', [low])
        const waiting = server().board.patch(`/api/issues/${mixed.id}`, { title: 'Waits' })
        await waitForLockWaiter(server())
        // This statement fails if the higher id was locked before the wait for the lower one.
        await blocking.query('select 1 from heartbeat_runs where id = $1 for no key update nowait', [high])
        await blocking.query('commit')
        expect((await waiting).status).toBe(200)
      }
    } finally {
      blocking.release()
    }
  })

  test('A foreign-key check does not wait for a row that a mutation has locked', async () => {
    const { company, held: heldIssue } = await world(server())
    const { issue, agent } = await heldIssue()
    await inTx(async (tx) => {
      await lockCompany(tx, company.id)
      await lockAgents(tx, company.id, [agent.id])
      await lockIssues(tx, company.id, [issue.id])
      // These statements run on another connection while the rows are locked. Each refers to one of the rows.
      await server().database.sql.query(`insert into issue_comments (company_id, issue_id, body) values ($1, $2, 'during the lock')`, [
        company.id,
        issue.id,
      ])
      await server().database.sql.query('insert into heartbeat_runs (company_id, agent_id) values ($1, $2)', [company.id, agent.id])
    }, company.id)
  })
})
