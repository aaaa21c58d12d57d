import { describe, expect, test } from 'vitest'
import { race } from '../dev/testing/race.ts'
import { auditCount, lastAudit, useServer, world } from '../dev/testing/world.ts'
import { tickTimers } from './timers.ts'

const server = useServer()
const sql = () => server().database.sql

const every = (intervalSec: unknown, more: object = {}) => ({ runtimeConfig: { heartbeat: { intervalSec, ...more } } })

/** Sets a timer to so many seconds from now; a negative number makes it due. */
const setTimer = async (agentId: string, seconds: number): Promise<void> => {
  await sql().query('update agents set next_timer_at = now() + make_interval(secs => $2) where id = $1', [agentId, seconds])
}

/** Seconds until the timer of an agent is due. */
const timerOf = async (agentId: string): Promise<number | null> => {
  const { rows } = await sql().query<{ left: number | null }>(
    'select extract(epoch from next_timer_at - now())::float8 as left from agents where id = $1',
    [agentId],
  )
  return rows[0]?.left ?? null
}

const wakesOfAgent = async (agentId: string) => {
  const { rows } = await sql().query<{ source: string; reason: string; status: string; runId: string }>(
    'select source, reason, status, run_id as "runId" from wakes where agent_id = $1 order by created_at',
    [agentId],
  )
  return rows
}

describe('The timer of an agent', () => {
  test('A new timer is set one interval ahead, wakes the agent when it is due, and is set again', async () => {
    const { agent } = await world(server())
    const timedAgent = await agent(every(600))
    await tickTimers(server().store)
    expect(await wakesOfAgent(timedAgent.id)).toEqual([])
    const first = (await timerOf(timedAgent.id)) ?? 0
    expect(Math.abs(first - 600)).toBeLessThan(35)

    await setTimer(timedAgent.id, -1)
    expect(await tickTimers(server().store)).toBe(1)
    const [wake] = await wakesOfAgent(timedAgent.id)
    expect(wake).toMatchObject({ source: 'timer', reason: 'heartbeat_timer', status: 'queued' })
    expect(await lastAudit(server(), wake?.runId ?? '', 'heartbeat.invoked')).toMatchObject({
      actorType: 'system',
      actorId: 'timer',
      agentId: timedAgent.id,
      details: { source: 'timer', issueId: null, coalesced: false },
    })
    expect(Math.abs(((await timerOf(timedAgent.id)) ?? 0) - 600)).toBeLessThan(35)
    expect(await tickTimers(server().store)).toBe(0)
  })

  test('A timer does not wake an agent that has an open run already, queued or running', async () => {
    const { agent, run } = await world(server())
    const [queued, working] = [await agent(every(60)), await agent(every(60))]
    await server().board.post(`/api/agents/${queued.id}/heartbeat/invoke`)
    await run(working)
    const audits = await auditCount(server())
    for (const timedAgent of [queued, working]) await setTimer(timedAgent.id, -1)
    expect(await tickTimers(server().store)).toBe(0)
    expect(await auditCount(server())).toBe(audits)
    for (const timedAgent of [queued, working]) expect((await timerOf(timedAgent.id)) ?? 0).toBeGreaterThan(50)
  })

  test('A change of the interval sets the timer again', async () => {
    const { agent } = await world(server())
    const timedAgent = await agent(every(86_400))
    await setTimer(timedAgent.id, 80_000)
    await server().board.patch(`/api/agents/${timedAgent.id}`, every(60))
    await tickTimers(server().store)
    expect((await timerOf(timedAgent.id)) ?? Infinity).toBeLessThan(64)
  })

  test.each([
    ['0', every(0)],
    ['no number', every('often')],
    ['negative', every(-5)],
    ['positive while heartbeats are off', every(60, { enabled: false })],
  ])('An interval that is %s wakes no agent', async (_, fields) => {
    const { agent } = await world(server())
    const timedAgent = await agent()
    // Rows of before may hold any JSON.
    await sql().query('update agents set runtime_config = $2 where id = $1', [timedAgent.id, fields.runtimeConfig])
    await setTimer(timedAgent.id, -1)
    expect(await tickTimers(server().store)).toBe(0)
  })

  test.each(['paused', 'terminated', 'pending_approval'])('The timer of an agent that is %s does not wake it', async (status) => {
    const { agent } = await world(server())
    const timedAgent = await agent(every(60))
    await setTimer(timedAgent.id, -1)
    await sql().query('update agents set status = $2 where id = $1', [timedAgent.id, status])
    expect(await tickTimers(server().store)).toBe(0)
    expect(await wakesOfAgent(timedAgent.id)).toEqual([])
  })

  test('The timer of an agent of an archived company does not wake it', async () => {
    const { agent, company } = await world(server())
    const timedAgent = await agent(every(60))
    await server().board.post(`/api/companies/${company.id}/archive`)
    await setTimer(timedAgent.id, -1)
    expect(await tickTimers(server().store)).toBe(0)
  })
})

describe('Timers of many agents on several servers', () => {
  /** Inserts agents whose timers have been due for so many seconds. */
  const crowd = async (count: number, lateSeconds: number): Promise<string[]> => {
    const { company } = await world(server())
    const { rows } = await sql().query<{ id: string }>(
      `insert into agents (company_id, name, url_key, runtime_config, next_timer_at)
       select $1, 'Agent ' || n, 'agent-' || n, '{"heartbeat": {"intervalSec": 3600}}', now() - make_interval(secs => $3)
       from generate_series(1, $2::int) n returning id`,
      [company.id, count, lateSeconds],
    )
    return rows.map((row) => row.id)
  }

  test('Four servers wake each agent once, even when its run is over before the next server reads the timers', async () => {
    const agents = await crowd(30, 1)
    await sql().query(`create function end_at_once() returns trigger language plpgsql as $$
      begin new.status = 'succeeded'; return new; end $$`)
    await sql().query(`create trigger end_at_once before insert on heartbeat_runs for each row
      when (new.invocation_source = 'timer') execute function end_at_once()`)
    const second = await server().startPeer()
    const woken = await race([server(), second, server(), second], (each) => tickTimers(each.store))
    await second.stop()
    await sql().query('drop trigger end_at_once on heartbeat_runs')
    const { rows } = await sql().query(
      'select count(*)::int as wakes, count(distinct agent_id)::int as agents from wakes where agent_id = any($1)',
      [agents],
    )
    expect(rows).toEqual([{ wakes: 30, agents: 30 }])
    expect(woken.reduce((sum, count) => sum + count, 0)).toBe(30)
  })

  test('After a long pause no agent is woken at once; the timers are spread over the next minutes', async () => {
    const agents = await crowd(450, 50_000)
    expect(await tickTimers(server().store)).toBe(0)
    const { rows } = await sql().query<{ soon: number; latest: number; seconds: number }>(
      `select count(*) filter (where next_timer_at > now() - interval '5 seconds')::int as soon,
         max(extract(epoch from next_timer_at - now()))::float8 as latest,
         count(distinct date_trunc('second', next_timer_at))::int as seconds from agents where id = any($1)`,
      [agents],
    )
    expect(rows[0]?.soon).toBe(450)
    expect(rows[0]?.latest).toBeLessThan(300)
    expect(rows[0]?.seconds).toBeGreaterThan(150)
    await sql().query("update agents set next_timer_at = now() - interval '1 second' where id = any($1)", [agents.slice(0, 5)])
    expect(await tickTimers(server().store)).toBe(5)
    expect(await tickTimers(server().store)).toBe(0)
    await sql().query('update agents set next_timer_at = null, runtime_config = $2 where id = any($1)', [agents, {}])
  })

  test('An agent that cannot be woken delays no other agent', async () => {
    const [stuck, ...others] = await crowd(4, 1)
    await sql().query(`create function refuse_wake() returns trigger language plpgsql as $$
      begin raise exception 'this agent is not woken'; end $$`)
    await sql().query(
      `create trigger refuse_wake before insert on wakes for each row when (new.agent_id = '${stuck}') execute function refuse_wake()`,
    )
    await expect(tickTimers(server().store)).rejects.toThrow('agents could not be woken')
    await sql().query('drop trigger refuse_wake on wakes')
    for (const id of others) expect(await wakesOfAgent(id)).toHaveLength(1)
    expect(await tickTimers(server().store)).toBe(1)
  })

  test('A locked agent is skipped and woken by the next tick', async () => {
    const [agentId] = await crowd(1, 1)
    const connection = await sql().connect()
    await connection.query('begin')
    await connection.query('select 1 from agents where id = $1 for no key update', [agentId])
    expect(await tickTimers(server().store)).toBe(0)
    await connection.query('rollback')
    connection.release()
    expect(await tickTimers(server().store)).toBe(1)
  })
})
