import { describe, expect, onTestFinished, test } from 'vitest'
import { cloneDatabase } from '../dev/testing/database.ts'
import { createRoutine, addTrigger, passUntil } from '../dev/testing/routines.ts'
import { createProcessAgent, insertQueuedRuns } from '../dev/testing/runner.ts'
import { temporaryHome } from '../dev/testing/serverProcess.ts'
import { expireLease, useServer, world } from '../dev/testing/world.ts'
import { createLog } from '../platform/kernel/log.ts'
import { statementTexts } from '../platform/db/statement.ts'
import type { PeriodicTask } from '../scheduler/periodicTasks.ts'
import { readConfig } from './config.ts'
import { ownSeams } from './seams.ts'
import { startServer } from './server.ts'
import { withLook } from './workDue.ts'

const server = useServer()
const sql = () => server().database.sql

const taskNamed = (name: string): PeriodicTask => ({ name, intervalMs: 1000, run: async () => {} })

/** Whether the look finds work for a task. */
async function isDue(name: string): Promise<boolean> {
  const [task] = withLook([taskNamed(name)], server().store.read, {})
  return (await task?.look?.findDue([name]))?.has(name) === true
}

/** Does something, and checks that the task had nothing to do before. */
async function becomesDue(name: string, act: () => Promise<unknown>): Promise<void> {
  expect(await isDue(name), `${name} before`).toBe(false)
  await act()
  expect(await isDue(name), `${name} behind`).toBe(true)
}

describe('The look for work', () => {
  test('A queued run is for the dispatcher, and for the task of stops when its agent was terminated', async () => {
    const here = await world(server())
    const agent = await createProcessAgent(here, '')
    await becomesDue('dispatch', () => insertQueuedRuns(server(), here.company.id, agent.id, 1))
    await becomesDue('stops', () => sql().query("update agents set status = 'terminated' where id = $1", [agent.id]))
    await sql().query('delete from heartbeat_runs where agent_id = $1', [agent.id])
    expect([await isDue('dispatch'), await isDue('stops')]).toEqual([false, false])
  })

  test('A run whose lease has expired is for the reaper', async () => {
    const here = await world(server())
    const run = await here.run(await here.agent())
    await becomesDue('reap', () => expireLease(server(), run.id))
    await sql().query('delete from heartbeat_runs where id = $1', [run.id])
  })

  test('An agent with a timer that was never set, or is due, is for the task of timers', async () => {
    const here = await world(server())
    await becomesDue('timers', async () => await here.agent({ runtimeConfig: { heartbeat: { intervalSec: 600 } } }))
    await sql().query("update agents set next_timer_at = now() + interval '1 minute'")
    await becomesDue('timers', () => sql().query("update agents set next_timer_at = now() - interval '1 second'"))
    await sql().query("update agents set next_timer_at = now() + interval '1 year'")
  })

  test('A deletion that its server has left is for the task of deletions', async () => {
    const { company } = await world(server())
    await becomesDue('deletions', () =>
      sql().query("insert into deletions (id, company_id, kind, touched_at) values ($1, $1, 'agent', now() - interval '1 minute')", [
        company.id,
      ]),
    )
    await sql().query('delete from deletions')
  })

  test('A due time, and a run whose issue is closed, are for the task of routines', async () => {
    const here = await world(server())
    const agent = await here.agent()
    const { id } = await createRoutine(server(), here, { assigneeAgentId: agent.id })
    const { trigger } = await addTrigger(id, { kind: 'schedule', cronExpression: '*/10 * * * *', timezone: 'UTC' }, server().board)
    await becomesDue('routines', () => passUntil(server(), trigger.nextRunAt))
    await sql().query('update routine_triggers set next_run_at = null')
    const { body: run } = await server().board.post(`/api/routines/${id}/run`, {})
    await becomesDue('routines', () => server().board.patch(`/api/issues/${run.linkedIssueId}`, { status: 'done' }))
    await sql().query("update routine_runs set status = 'completed'")
  })

  test('An endpoint that no server serves is for the delivery of webhooks', async () => {
    const { company } = await world(server())
    await becomesDue('webhooks', () =>
      server().board.post(`/api/companies/${company.id}/webhooks`, { url: 'https://hooks.example/in', events: ['issue.created'] }),
    )
    await sql().query("update webhook_endpoints set leased_until = now() + interval '1 minute'")
    expect(await isDue('webhooks')).toBe(false)
  })

  test('A limit that only warns is for the task of budgets', async () => {
    const { company } = await world(server())
    const limit = { scopeType: 'company', scopeId: company.id, amount: 100, windowKind: 'calendar_month_utc', hardStopEnabled: false }
    await becomesDue('budgets', async () => {
      const answer = await server().board.post(`/api/companies/${company.id}/budgets/policies`, limit)
      expect(answer.status, answer.text).toBeLessThan(300)
    })
    await sql().query('update budget_policies set is_active = false')
    expect(await isDue('budgets')).toBe(false)
  })

  test('A backup that was requested, whose server has gone, or whose interval is over, is for the task of backups', async () => {
    await world(server())
    const set = async (backupEveryHours: number) => {
      const answer = await server().board.patch('/api/instance/settings/general', { backupEveryHours })
      expect(answer.status, answer.text).toBe(200)
    }
    await sql().query('delete from instance_backups')
    await becomesDue('backup', () => server().board.post('/api/instance/backups'))
    await sql().query("update instance_backups set status = 'running', leased_until = now() + interval '1 minute'")
    await becomesDue('backup', () => server().database.passTime('2 minutes'))
    await sql().query("update instance_backups set status = 'failed', finished_at = now()")
    await set(1)
    await becomesDue('backup', () => server().database.passTime('1 hour'))
    await set(0)
    expect(await isDue('backup')).toBe(false)
    await set(1)
    await sql().query("update instance_backups set status = 'done', created_at = now()")
    await becomesDue('backup', () => server().database.passTime('61 minutes'))
    await set(0)
  })

  test('A task that follows the log of events is due until it has come as far as the newest event that is final', async () => {
    let seen = ''
    const [task] = withLook([taskNamed('seal')], server().store.read, { seal: (horizon) => horizon === seen || ((seen = horizon), false) })
    const findDue = async () => [...((await task?.look?.findDue(['seal'])) ?? [])]
    expect(await findDue()).toEqual(['seal'])
    expect(await findDue()).toEqual([])
    await world(server())
    expect(await findDue()).toEqual(['seal'])
  })

  test('Its two statements have no parameters, so each is planned once', () => {
    const texts = ['work_due', 'work_due_often'].map((name) => statementTexts().get(name) ?? '$')
    expect(texts.filter((text) => text.includes('$'))).toEqual([])
  })
})

/** Counts the connections that something takes from the pools of a server: as many as it sends statements or transactions. */
async function countTaken(taken: () => number, act: () => Promise<unknown>): Promise<number> {
  const before = taken()
  await act()
  return taken() - before
}

test('A server without work asks the database at most twice a second', async () => {
  let taken = 0
  let tasks: readonly PeriodicTask[] = []
  const seams = {
    ...ownSeams,
    openDatabase: (...args: Parameters<typeof ownSeams.openDatabase>) => {
      const database = ownSeams.openDatabase(...args)
      for (const pool of database.pools) {
        const connect = pool.connect.bind(pool) as (...given: unknown[]) => unknown
        pool.connect = ((...given: unknown[]) => ((taken += 1), connect(...given))) as typeof pool.connect
      }
      return database
    },
    // The tasks run when the test runs them.
    startPeriodicTasks: (given: readonly PeriodicTask[]) => ((tasks = given), { stop: async () => {} }),
  }
  const read = readConfig({ PORT: '0', PAPERCLIP_HOME: temporaryHome(), PAPERCLIP_ADAPTERS: '' })
  if (!('config' in read)) throw new Error(read.problems.join())
  const database = await cloneDatabase()
  onTestFinished(() => database.drop())
  const running = await startServer(read.config, database.connection, createLog('silent', false), { seams })
  onTestFinished(() => running.stop())

  // The first turn of a task may open what it works with, and do what a test has left.
  for (const task of tasks) await task.run()
  for (const task of tasks) await task.run()
  const costs: Record<string, number> = {}
  for (const task of tasks.filter(({ look }) => look === undefined))
    costs[task.name] = ((await countTaken(() => taken, task.run)) * 1000) / task.intervalMs
  for (const look of new Set(tasks.flatMap((task) => task.look ?? []))) {
    const names = tasks.filter((task) => task.look === look).map(({ name }) => name)
    let due: ReadonlySet<string> = new Set(names)
    costs[`look for ${names.join()}`] =
      ((await countTaken(
        () => taken,
        async () => (due = await look.findDue(names)),
      )) *
        1000) /
      look.intervalMs
    expect([...due]).toEqual([])
  }
  // Each second with the timer of the task, and once in ten seconds with a statement.
  costs['search'] = 0.1
  costs['supervise'] = 0.1
  const sum = Object.values(costs).reduce((total, each) => total + each, 0)
  expect(sum, JSON.stringify(costs)).toBeLessThanOrEqual(2)
  expect(sum, JSON.stringify(costs)).toBeGreaterThan(1)
})
