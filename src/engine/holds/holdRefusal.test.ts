import { describe, expect, test } from 'vitest'
import { expectRefused } from '../../dev/testing/holds.ts'
import { expireLease, useServer, world } from '../../dev/testing/world.ts'

const server = useServer()
const problem = { accept: 'application/problem+json' }

describe('A 409 about a hold (LOCK_PROTOCOL §7)', () => {
  test('A refusal about a hold names the issue, the caller, the holder and the next step', async () => {
    const { held: heldIssue, agent, run, checkout } = await world(server())
    const { issue, run: holder, agent: owner } = await heldIssue()
    const asking = await run(await agent())
    const { body, headers } = await expectRefused(server(), () => checkout(asking, issue.id), 409, 'issue_held')
    expect(body).toEqual({
      error: 'Issue checkout conflict',
      code: 'issue_held',
      requestId: headers['x-request-id'],
      details: {
        issueId: issue.id,
        status: 'in_progress',
        assigneeAgentId: owner.id,
        checkoutRunId: holder.id,
        executionRunId: holder.id,
        lockEpoch: 1,
        actorAgentId: asking.agentId,
        actorRunId: asking.id,
        holder: {
          runId: holder.id,
          agentId: owner.id,
          agentName: owner.name,
          status: 'running',
          live: true,
          leaseExpiresAt: expect.stringMatching(/^\d{4}-\d\d-\d\dT[\d:.]{12}Z$/),
          lastSeenAt: expect.stringMatching(/^\d{4}-\d\d-\d\dT[\d:.]{12}Z$/),
        },
        retryable: true,
        retryAfterSeconds: 60,
        next: 'pick_other',
        reason: 'Issue checkout conflict',
      },
    })
    expect(headers['retry-after']).toBe('60')
  })

  test('Retry-After is the rest of the lease, a minute at most and a second at least', async () => {
    const { held: heldIssue, agent, run, checkout } = await world(server())
    const { issue, run: holder } = await heldIssue()
    const asking = await run(await agent())
    const leaseOf = (seconds: number) =>
      server().database.sql.query('update heartbeat_runs set lease_expires_at = now() + make_interval(secs => $2) where id = $1', [
        holder.id,
        seconds,
      ])
    await leaseOf(20)
    const soon = await expectRefused(server(), () => checkout(asking, issue.id), 409, 'issue_held')
    expect(Number(soon.headers['retry-after'])).toBeLessThanOrEqual(20)
    expect(Number(soon.headers['retry-after'])).toBeGreaterThan(15)
    expect(soon.body.details.retryAfterSeconds).toBe(Number(soon.headers['retry-after']))
    await leaseOf(2000)
    expect((await expectRefused(server(), () => checkout(asking, issue.id), 409, 'issue_held')).headers['retry-after']).toBe('60')
  })

  test('The next step of the holder’s own agent is wait and that of others pick_other; a refusal that a wait does not help has no Retry-After', async () => {
    const { held: heldIssue, agent, run, issue, checkout } = await world(server())
    const { issue: taken, run: holder, agent: owner } = await heldIssue()
    const sibling = await run(owner)
    const rival = await run(await agent())
    const own = await expectRefused(server(), () => checkout(sibling, taken.id), 409, 'issue_held')
    expect(own.body.details).toMatchObject({ next: 'wait', retryable: true })
    const write = await expectRefused(
      server(),
      () => sibling.client.patch(`/api/issues/${taken.id}`, { title: 'No' }),
      409,
      'run_ownership',
    )
    expect(write.body.details).toMatchObject({ next: 'wait', retryable: true, holder: { runId: holder.id } })
    expect(write.headers).toHaveProperty('retry-after')
    const release = await expectRefused(server(), () => sibling.client.post(`/api/issues/${taken.id}/release`), 409, 'release_not_holder')
    expect(release.body.details).toMatchObject({ next: 'wait', retryable: true })

    const foreign = await expectRefused(
      server(),
      () => rival.client.patch(`/api/issues/${taken.id}`, { title: 'No' }),
      409,
      'checked_out_by_other',
    )
    expect(foreign.body.details).toMatchObject({ next: 'pick_other', retryable: false })
    expect(foreign.headers).not.toHaveProperty('retry-after')
    const theirs = await issue({ assigneeAgentId: owner.id })
    const assigned = await expectRefused(server(), () => checkout(rival, theirs.id), 409, 'issue_assigned')
    expect(assigned.body.details).toMatchObject({ next: 'pick_other', retryable: false, holder: null })
    expect(assigned.headers).not.toHaveProperty('retry-after')
  })

  test('A dead holder is not named as the holder', async () => {
    const { held: heldIssue, agent, run } = await world(server())
    const { issue, run: dead } = await heldIssue()
    await expireLease(server(), dead.id)
    const rival = await run(await agent())
    const { body } = await expectRefused(
      server(),
      () => rival.client.patch(`/api/issues/${issue.id}`, { title: 'No' }),
      409,
      'checked_out_by_other',
    )
    expect(body.details).toMatchObject({ holder: null, checkoutRunId: dead.id })
  })

  test('A refusal as application/problem+json has the same content in the form of RFC 9457', async () => {
    const { held: heldIssue, agent, run } = await world(server())
    const { issue } = await heldIssue()
    const rival = await run(await agent())
    const ask = () => rival.client.post(`/api/issues/${issue.id}/release`, undefined, { ...problem, 'x-request-id': 'req-7' })
    const { text, headers } = await ask()
    expect(headers['content-type']).toBe('application/problem+json; charset=utf-8')
    expect(JSON.parse(text)).toMatchObject({
      type: 'urn:paperclip:problem:release_not_assignee',
      title: 'Only assignee can release issue',
      status: 409,
      detail: 'Only assignee can release issue',
      instance: 'urn:paperclip:request:req-7',
      error: 'Only assignee can release issue',
      code: 'release_not_assignee',
      requestId: 'req-7',
      details: { issueId: issue.id, next: 'pick_other' },
    })
  })
})
