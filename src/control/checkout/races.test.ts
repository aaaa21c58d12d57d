import { describe, expect, test } from 'vitest'
import { auditsOf, countLockWaiters, NO_HOLD, holdRow, runRow, waitForLockWaiter } from '../../dev/testing/holds.ts'
import { race, countByStatus } from '../../dev/testing/race.ts'
import { actionsOf, expireLease, useServer, world } from '../../dev/testing/world.ts'
import type { Answer, TestRun } from '../../dev/testing/world.ts'

const server = useServer()
const ROUNDS = 4

interface Held {
  readonly run: TestRun
  readonly issue: { readonly id: string }
}

/** Ways to end a hold. Each must leave an issue that at most one of the waiting runs takes. */
const endings: Readonly<Record<string, (held: Held) => Promise<Answer>>> = {
  release: ({ run, issue }) => run.client.post(`/api/issues/${issue.id}/release`),
  'release by the board': ({ issue }) => server().board.post(`/api/issues/${issue.id}/release`),
  'force-release': ({ issue }) => server().board.post(`/api/issues/${issue.id}/admin/force-release?clearAssignee=true`),
  finish: ({ run }) => run.client.post(`/api/heartbeat-runs/${run.id}/finish`, { status: 'succeeded' }),
  cancel: ({ run }) => server().board.post(`/api/heartbeat-runs/${run.id}/cancel`),
  'a move to todo': ({ run, issue }) => run.client.patch(`/api/issues/${issue.id}`, { status: 'todo' }),
}

describe.each(Object.entries(endings))('checkouts that race %s', (_name, end) => {
  test('At most one checkout takes the issue, never before it is free, and the audit agrees', async () => {
    const here = await world(server())
    for (let round = 0; round < ROUNDS; round += 1) {
      const held = await here.held()
      const { issue, run, agent } = held
      const siblings = await Promise.all(Array.from({ length: 4 }, () => here.run(agent)))
      const answers = await race([null, ...siblings], (who) =>
        who === null ? end(held) : here.checkout(who, issue.id, ['todo', 'in_progress']),
      )
      expect(answers[0]?.status).toBe(200)
      const taken = answers.slice(1).filter((answer) => answer.status === 200)
      expect(taken.length).toBeLessThanOrEqual(1)
      const row = await holdRow(server(), issue.id)
      const actions = await actionsOf(server(), issue.id)
      expect(actions.filter((action) => action === 'issue.checked_out')).toHaveLength(1 + taken.length)
      if (taken.length === 1) {
        expect(row).toMatchObject({ status: 'in_progress', checkoutRunId: taken[0]?.body.checkoutRunId, lockEpoch: 3 })
        expect(actions.at(-1)).toBe('issue.checked_out')
      } else expect(row).toMatchObject({ ...NO_HOLD, lockEpoch: 2 })
      expect(row.checkoutRunId).not.toBe(run.id)
    }
  })
})

describe('ends of a hold that race each other', () => {
  test('Concurrent finish, cancel, release, force-release and move leave one end of the run and growing epochs', async () => {
    const here = await world(server())
    for (let round = 0; round < ROUNDS; round += 1) {
      const held = await here.held()
      const answers = await race(
        ['finish', 'cancel', 'release', 'force-release', 'a move to todo'],
        (name) => endings[name]?.(held) as Promise<Answer>,
      )
      for (const answer of answers) expect([200, 401, 409], answer.text).toContain(answer.status)
      expect(await holdRow(server(), held.issue.id)).toMatchObject(NO_HOLD)
      expect((await actionsOf(server(), held.run.id)).filter((action) => action === 'heartbeat.run_finished')).toHaveLength(1)
      const epochs = (await auditsOf(server(), held.issue.id)).map((row) => row.details['lockEpoch']).filter((epoch) => epoch !== undefined)
      expect(epochs).toEqual(epochs.toSorted((a, b) => Number(a) - Number(b)))
    }
  })

  test('Two runs that hold two issues crosswise and end at once leave no issue held', async () => {
    const here = await world(server())
    for (let round = 0; round < ROUNDS; round += 1) {
      const [one, two] = [await here.held(), await here.held()]
      await server().database.sql.query('update issues set assignee_agent_id = null, status = $2 where id = any($1)', [
        [one.issue.id, two.issue.id],
        'todo',
      ])
      await server().database.sql.query('update issues set checkout_run_id = $2, execution_run_id = $3 where id = $1', [
        one.issue.id,
        one.run.id,
        two.run.id,
      ])
      await server().database.sql.query('update issues set checkout_run_id = $2, execution_run_id = $3 where id = $1', [
        two.issue.id,
        two.run.id,
        one.run.id,
      ])
      const answers = await race(
        [one, two, one, two],
        (each, index) => (index < 2 ? endings['finish'] : endings['cancel'])?.(each) as Promise<Answer>,
      )
      for (const answer of answers) expect([200, 401, 409], answer.text).toContain(answer.status)
      for (const each of [one, two]) expect(await holdRow(server(), each.issue.id)).toMatchObject(NO_HOLD)
    }
  })
})

describe('takeovers that race each other', () => {
  test('Of concurrent takeovers by write, checkout and claim one succeeds, with one audit row of the new holder', async () => {
    const here = await world(server())
    for (let round = 0; round < ROUNDS; round += 1) {
      const { issue, run: dead, agent } = await here.held()
      const runs = await Promise.all(Array.from({ length: 6 }, () => here.run(agent)))
      await expireLease(server(), dead.id)
      const answers = await race(runs, (each, index) => {
        if (index % 3 === 0) return each.client.patch(`/api/issues/${issue.id}`, { title: `By ${index}` })
        return index % 3 === 1 ? here.checkout(each, issue.id) : each.client.post(`/api/companies/${here.company.id}/issues/claim`)
      })
      const { 200: won = 0, 204: none = 0, 409: lost = 0 } = countByStatus(answers)
      expect({ won, others: none + lost }).toEqual({ won: 1, others: 5 })
      const audits = await auditsOf(server(), issue.id)
      const taken = audits.filter((row) => ['issue.checked_out', 'issue.checkout_lock_adopted'].includes(row.action))
      expect(taken).toHaveLength(2)
      expect(await holdRow(server(), issue.id)).toMatchObject({
        checkoutRunId: taken[1]?.runId,
        executionRunId: taken[1]?.runId,
        lockEpoch: 2,
      })
      expect(await runRow(server(), dead.id)).toMatchObject({ status: 'running' })
    }
  })

  test('A lease renewal that races a takeover leaves one live holder', async () => {
    const here = await world(server())
    for (let round = 0; round < ROUNDS; round += 1) {
      const { issue, run: holder, agent } = await here.held()
      const next = await here.run(agent)
      await server().database.sql.query("update heartbeat_runs set lease_expires_at = clock_timestamp() + interval '5 ms' where id = $1", [
        holder.id,
      ])
      const [renewed, taken] = await race([holder, next], (each, index) =>
        index === 0 ? each.client.post(`/api/heartbeat-runs/${each.id}/heartbeat`) : here.checkout(each, issue.id),
      )
      if (renewed?.status === 200) expect(taken?.status).toBe(409)
      if (taken?.status === 200) expect([401, 409]).toContain(renewed?.status)
      const row = await holdRow(server(), issue.id)
      expect(row.checkoutRunId).toBe(taken?.status === 200 ? next.id : holder.id)
    }
  })
})

describe('checkouts of one issue at once on one server', () => {
  test('Those that are refused wait for no row lock, so requests about other issues go on', async () => {
    const here = await world(server())
    const [wanted, other] = [await here.issue(), await here.issue()]
    const runs = await Promise.all(Array.from({ length: 16 }, async () => here.run(await here.agent())))
    const blocking = await server().database.sql.connect()
    await blocking.query('begin')
    await blocking.query('select from issues where id = $1 for update', [wanted.id])
    const asked = race(runs, (run) => here.checkout(run, wanted.id))
    await waitForLockWaiter(server())
    // When this is answered, everything that was sent before it has reached the database, if it does.
    expect((await server().board.post(`/api/issues/${other.id}/comments`, { body: 'Meanwhile' })).status).toBe(201)
    expect(await countLockWaiters(server())).toBe(1)
    await blocking.query('rollback')
    blocking.release()
    const answers = await asked
    expect(countByStatus(answers)).toEqual({ 200: 1, 409: 15 })
    const winner = answers.find(({ status }) => status === 200)?.body.checkoutRunId
    for (const { body } of answers.filter(({ status }) => status === 409))
      expect(body).toMatchObject({ code: 'issue_held', details: { checkoutRunId: winner, holder: { runId: winner, live: true } } })
    expect(await actionsOf(server(), wanted.id)).toEqual(['issue.created', 'issue.checked_out'])
  })

  test('One that waited behind a refused checkout takes the issue', async () => {
    const here = await world(server())
    const [wanted, first, second] = [
      await here.issue({ status: 'done' }),
      await here.run(await here.agent()),
      await here.run(await here.agent()),
    ]
    const answers = await race([first, second], (run) => here.checkout(run, wanted.id, run === first ? ['todo'] : ['done']))
    expect(answers.map(({ status }) => status)).toEqual([409, 200])
  })
})
