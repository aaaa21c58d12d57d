import { setImmediate } from 'node:timers/promises'
import { sql } from 'drizzle-orm'
import { describe, expect, test } from 'vitest'
import { Refusal, refuse } from '../kernel/errors.ts'
import { event } from '../kernel/event.ts'
import type { AgentActor } from '../kernel/actor.ts'
import { requireActingRun } from '../../auth/runFacts.ts'
import { auditCount, lastAudit, useServer, world } from '../../dev/testing/world.ts'
import { z } from 'zod'
import type { Ctx } from './types.ts'
import { changed, mutate, changedIfAny, unchanged } from './mutate.ts'
import { param, statement } from './statement.ts'

const server = useServer()

const setTitle = statement<{ id: string; title: string }, { id: string }>('test_set_title').write(
  sql`update issues set title = ${param('title')} where id = ${param('id')} returning id`,
)
const failWith = statement<{ state: string }, never>('test_fail').read(sql`select test_fail(${param('state')})`)
const testEvent = event('test.said', 'issue', z.object({ word: z.string() }))

const asSystem = (companyId: string): Ctx => ({
  actor: { kind: 'system', task: 'test' },
  companyId,
  requestId: null,
  store: server().store,
  idempotency: null,
})
const titleOf = async (id: string) => (await server().board.get(`/api/issues/${id}`)).body.title

describe('mutate (I6)', () => {
  test('The rows and the audit row commit together, and then the listeners are notified', async () => {
    const { company, issue } = await world(server())
    const plain = await issue({ title: 'Before' })
    const messageCount = server().messages.length
    const value = await mutate(asSystem(company.id), async (tx) => {
      await tx.run(setTitle, { id: plain.id, title: 'After' })
      return changed('value', testEvent(plain.id, { word: 'changed' }))
    })
    expect(value).toBe('value')
    expect(await titleOf(plain.id)).toBe('After')
    expect(await lastAudit(server(), plain.id, 'test.said')).toMatchObject({
      actorType: 'system',
      actorId: 'test',
      details: { word: 'changed' },
    })
    expect(
      server()
        .messages.slice(messageCount)
        .map((row) => row.action),
    ).toEqual(['test.said'])
  })

  test('A value that fails together with a final check ends no process', async () => {
    const { company, issue } = await world(server())
    const plain = await issue()
    const unhandled: unknown[] = []
    const note = (error: unknown): void => void unhandled.push(error)
    process.on('unhandledRejection', note)
    const refused = mutate(asSystem(company.id), async (tx) => {
      tx.finalChecks.set('test', async () => await Promise.reject(new Error('the check lost its connection')))
      const written = tx.run(failWith, { state: '57P01' }).then(() => 'value')
      return changed(written, testEvent(plain.id, { word: 'changed' }))
    })
    await expect(refused).rejects.toThrow('the check lost its connection')
    await setImmediate()
    process.off('unhandledRejection', note)
    expect(unhandled).toEqual([])
  })

  test.each(['unchanged', 'changedIfAny'])('A write without an event (%s) is a bug and leaves nothing behind', async (how) => {
    const { company, issue } = await world(server())
    const plain = await issue({ title: 'Before' })
    const audits = await auditCount(server())
    const withoutEvent = mutate(asSystem(company.id), async (tx) => {
      await tx.run(setTitle, { id: plain.id, title: 'After' })
      return how === 'unchanged' ? unchanged(null) : changedIfAny(null, [])
    })
    await expect(withoutEvent).rejects.toThrow('a mutation that writes must return an event')
    expect(await titleOf(plain.id)).toBe('Before')
    expect(await auditCount(server())).toBe(audits)
  })

  test('A refusal after a write rolls back the write and its events', async () => {
    const { company, issue } = await world(server())
    const plain = await issue({ title: 'Before' })
    const audits = await auditCount(server())
    const messageCount = server().messages.length
    const refused = mutate(asSystem(company.id), async (tx) => {
      await tx.run(setTitle, { id: plain.id, title: 'After' })
      return refuse('conflict')
    })
    await expect(refused).rejects.toBeInstanceOf(Refusal)
    expect(await titleOf(plain.id)).toBe('Before')
    expect(await auditCount(server())).toBe(audits)
    expect(server().messages.length).toBe(messageCount)
  })

  test('An event contains only the details that its kind declares', () => {
    const secret = { word: 'yes', token: 'pcp_secret' }
    expect(testEvent('x', secret).details).toEqual({ word: 'yes' })
  })
})

describe('a mutation by a run (I2)', () => {
  test('A mutation by a run that has not verified the acting run is a bug and leaves nothing behind', async () => {
    const { company, agent, run, issue } = await world(server())
    const acting = await run(await agent())
    const plain = await issue({ title: 'Before' })
    const actor: AgentActor = {
      kind: 'agent',
      agentId: acting.agentId,
      companyId: company.id,
      role: 'general',
      canCreateAgents: false,
      grants: [],
      scopes: null,
      via: 'token',
      keyId: null,
      runId: acting.id,
    }
    const ctx = { ...asSystem(company.id), actor }
    const write = (verifiesRun: boolean) =>
      mutate(ctx, async (tx) => {
        if (verifiesRun) await requireActingRun(tx, ctx)
        await tx.run(setTitle, { id: plain.id, title: 'After' })
        return changed(null, testEvent(plain.id, { word: 'by a run' }))
      })
    await expect(write(false)).rejects.toThrow('a mutation by a run must have verified the acting run')
    expect(await titleOf(plain.id)).toBe('Before')
    await write(true)
    expect(await lastAudit(server(), plain.id, 'test.said')).toMatchObject({ actorId: acting.agentId, runId: acting.id })
  })
})

describe('deadlocks and serialization failures (LOCK_PROTOCOL §8)', () => {
  const failing = async (state: string, times: number) => {
    const { company, issue } = await world(server())
    const plain = await issue({ title: 'Before' })
    await server().database.sql.query(`create or replace function test_fail(state text) returns void language plpgsql as $$
      begin raise exception 'as requested' using errcode = state; end $$`)
    let attempts = 0
    const outcome = mutate(asSystem(company.id), async (tx) => {
      attempts += 1
      await tx.run(setTitle, { id: plain.id, title: `Try ${attempts}` })
      if (attempts <= times) await tx.run(failWith, { state })
      return changed(attempts, testEvent(plain.id, { word: `try ${attempts}` }))
    })
    return { outcome, issueId: plain.id, attempts: () => attempts }
  }

  test.each(['40001', '40P01'])('After %s the whole transaction runs again and is recorded once', async (state) => {
    const { outcome, issueId } = await failing(state, 3)
    expect(await outcome).toBe(4)
    expect(await titleOf(issueId)).toBe('Try 4')
    const { rows } = await server().database.sql.query(
      "select details->>'word' as word from activity_log where entity_id = $1 and action = 'test.said'",
      [issueId],
    )
    expect(rows).toEqual([{ word: 'try 4' }])
  })

  test.each(['40001', '40P01'])('After a fourth %s the mutation fails', async (state) => {
    const { outcome, issueId, attempts } = await failing(state, 99)
    await expect(outcome).rejects.toMatchObject({ code: state })
    expect(attempts()).toBe(4)
    expect(await titleOf(issueId)).toBe('Before')
  })

  test('After any other failure the transaction does not run again', async () => {
    const { outcome, attempts } = await failing('23514', 99)
    await expect(outcome).rejects.toMatchObject({ code: '23514' })
    expect(attempts()).toBe(1)
  })
})
