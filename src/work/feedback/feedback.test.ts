import { randomUUID } from 'node:crypto'
import { describe, expect, test } from 'vitest'
import { expectRefused, expectUnchanged } from '../../dev/testing/holds.ts'
import { race, countByStatus } from '../../dev/testing/race.ts'
import { actionsOf, lastAudit, useServer, world } from '../../dev/testing/world.ts'

const server = useServer()

/** An issue with a comment of an agent and a document with two revisions. */
async function setup() {
  const base = await world(server())
  const author = await base.agent()
  const { id: issueId, identifier } = await base.issue()
  const { body: comment } = await author.client.post(`/api/issues/${issueId}/comments`, { body: 'All done,\n\n as you  asked' })
  const write = (body: string, fields: object = {}) =>
    server().board.put(`/api/issues/${issueId}/documents/plan`, { format: 'markdown', title: 'The plan', body, ...fields })
  const { body: first } = await write('# First')
  await write('# Second', { baseRevisionId: first.latestRevisionId })
  const votes = `/api/issues/${issueId}/feedback-votes`
  return {
    ...base,
    author,
    issueId,
    identifier,
    commentId: comment.id as string,
    revisionId: first.latestRevisionId as string,
    votes,
    vote: (fields: object = {}) => server().board.post(votes, { targetType: 'issue_comment', targetId: comment.id, vote: 'up', ...fields }),
    consent: (fields: object = { feedbackDataSharingEnabled: true, feedbackDataSharingTermsVersion: 'v1' }) =>
      server().board.patch(`/api/companies/${base.company.id}`, fields),
    traces: async (query = '', of = `companies/${base.company.id}`) =>
      (await server().board.get(`/api/${of}/feedback-traces${query}`)).body,
  }
}

describe('votes', () => {
  test('A vote is stored for its author with a trace, and its audit row does not contain the reason', async () => {
    const { vote, votes, issueId, commentId, company, traces } = await setup()
    const saved = await vote({ vote: 'down', reason: '  Not what I asked ' })
    expect(saved).toMatchObject({
      status: 201,
      body: {
        companyId: company.id,
        issueId,
        targetType: 'issue_comment',
        targetId: commentId,
        authorUserId: 'local-board',
        vote: 'down',
        reason: 'Not what I asked',
        isShared: false,
        sharedAt: null,
        consentVersion: null,
      },
    })
    expect((await server().board.get(votes)).body).toEqual([saved.body])
    const [trace] = await traces()
    const row = await lastAudit(server(), issueId, 'issue.feedback_vote_saved')
    expect(row).toMatchObject({
      actorId: 'local-board',
      details: {
        feedbackVoteId: saved.body.id,
        feedbackTraceId: trace.id,
        vote: 'down',
        hasReason: true,
        isShared: false,
        previousVote: null,
      },
    })
    expect(JSON.stringify(row)).not.toContain('Not what I asked')
    expect(server().messages.some(({ action, entityId }) => action === 'issue.feedback_vote_saved' && entityId === issueId)).toBe(true)
  })

  test('A second vote on the same target replaces the first, and an equal vote changes nothing', async () => {
    const { vote, votes, issueId, revisionId, traces } = await setup()
    const first = await vote({ vote: 'down', reason: 'Hm' })
    const [trace] = await traces()
    const second = await vote()
    expect(second).toMatchObject({ status: 201, body: { id: first.body.id, vote: 'up', reason: null } })
    expect((await lastAudit(server(), issueId, 'issue.feedback_vote_saved')).details).toMatchObject({ vote: 'up', previousVote: 'down' })
    expect(await traces()).toMatchObject([{ id: trace.id, vote: 'up' }])
    expect((await expectUnchanged(server(), () => vote({ reason: ' ' }))).body).toEqual(second.body)
    await vote({ targetType: 'issue_document_revision', targetId: revisionId })
    expect((await server().board.get(votes)).body).toHaveLength(2)
    expect((await actionsOf(server(), issueId)).filter((action) => action === 'issue.feedback_vote_saved')).toHaveLength(3)
  })

  test('Sixteen concurrent votes on one target leave one vote and one trace that agree', async () => {
    const { vote, votes, traces } = await setup()
    const answers = await race(Array.from({ length: 16 }), (_, n) => vote({ vote: n % 2 === 0 ? 'up' : 'down', reason: `${n}` }))
    expect(countByStatus(answers)).toEqual({ 201: 16 })
    const [ownVote, ...others] = (await server().board.get(votes)).body
    expect(others).toEqual([])
    expect(await traces('?includePayload=true')).toMatchObject([
      { feedbackVoteId: ownVote.id, vote: ownVote.vote, payloadSnapshot: { vote: { vote: ownVote.vote, reason: ownVote.reason } } },
    ])
  })

  test('Each person has their own vote and lists only that, and the traces show the votes of all people', async () => {
    const { vote, votes, issueId, commentId, company, traces } = await setup()
    const { sql } = server().database
    await vote()
    const { rows } = await sql.query<{ id: string }>(
      `insert into feedback_votes (company_id, issue_id, target_type, target_id, author_user_id, vote, is_shared)
       values ($1, $2, 'issue_comment', $3, 'other-person', 'down', false) returning id`,
      [company.id, issueId, commentId],
    )
    await sql.query(
      `insert into feedback_traces (company_id, issue_id, feedback_vote_id, status, target_summary, payload_snapshot)
       select company_id, issue_id, $1, status, target_summary, payload_snapshot from feedback_traces where issue_id = $2`,
      [rows[0]?.id, issueId],
    )
    await vote({ reason: 'Again' })
    expect((await server().board.get(votes)).body).toMatchObject([{ authorUserId: 'local-board', reason: 'Again' }])
    expect((await traces()).map((each: { authorUserId: string; vote: string }) => [each.authorUserId, each.vote]).toSorted()).toEqual([
      ['local-board', 'up'],
      ['other-person', 'down'],
    ])
  })

  test('A target must be a comment or a document revision of the issue in the path', async () => {
    const here = await setup()
    const { body: other } = await server().board.post(`/api/issues/${(await here.issue()).id}/comments`, { body: 'Elsewhere' })
    const theirs = await setup()
    for (const targetId of [randomUUID(), other.id, theirs.commentId, here.revisionId])
      expect((await expectRefused(server(), () => here.vote({ targetId }), 404, 'not_found')).body.error).toBe('Comment not found')
    for (const targetId of [randomUUID(), theirs.revisionId, here.commentId]) {
      const act = () => here.vote({ targetType: 'issue_document_revision', targetId })
      expect((await expectRefused(server(), act, 404, 'not_found')).body.error).toBe('Document revision not found')
    }
    expect(await here.traces()).toEqual([])
  })

  test.each([
    ['a target of another kind', { targetType: 'issue' }],
    ['a vote that is none', { vote: 'sideways' }],
    ['a word for an id', { targetId: 'nope' }],
    ['too many words', { reason: 'x'.repeat(1001) }],
  ])('A vote with %s is refused', async (_, fields) => {
    const { vote } = await setup()
    await expectRefused(server(), () => vote(fields), 400, 'validation_failed')
  })

  test('Only the board writes and reads votes, and a missing issue gets 404', async () => {
    const { author, votes, issueId, company, vote, traces, commentId } = await setup()
    await vote()
    const [{ id }] = await traces()
    const body = { targetType: 'issue_comment', targetId: commentId, vote: 'up' }
    await expectRefused(server(), () => author.client.post(votes, body), 403, 'board_required')
    for (const path of [votes, `/api/issues/${issueId}/feedback-traces`, `/api/companies/${company.id}/feedback-traces`])
      expect(await author.client.get(path)).toMatchObject({ status: 403, body: { error: 'Board access required' } })
    for (const path of [`/api/feedback-traces/${id}`, `/api/feedback-traces/${id}/bundle`])
      expect(await author.client.get(path)).toMatchObject({ status: 403, body: { error: 'Board access required' } })
    for (const of of ['feedback-votes', 'feedback-traces'])
      expect(await server().board.get(`/api/issues/${randomUUID()}/${of}`)).toMatchObject({
        status: 404,
        body: { error: 'Issue not found' },
      })
  })
})

describe('sharing of feedback', () => {
  test('Sharing requires the consent of the company and of the instance, and a shared trace is pending and never sent', async () => {
    const { vote, consent, traces } = await setup()
    const general = '/api/instance/settings/general'
    await expectRefused(server(), () => vote({ allowSharing: true }), 403, 'sharing_not_consented')
    await consent()
    await server().board.patch(general, { feedbackDataSharingPreference: 'not_allowed' })
    await expectRefused(server(), () => vote({ allowSharing: true }), 403, 'sharing_not_consented')
    await server().board.patch(general, { feedbackDataSharingPreference: 'prompt' })
    expect(await vote({ allowSharing: true })).toMatchObject({
      status: 201,
      body: { isShared: true, sharedAt: expect.any(String), consentVersion: 'v1' },
    })
    expect(await traces()).toMatchObject([{ status: 'pending', consentVersion: 'v1', exportedAt: null }])
    await consent({ feedbackDataSharingEnabled: false })
    await expectRefused(server(), () => vote({ vote: 'down', allowSharing: true }), 403, 'sharing_not_consented')
    expect(await vote()).toMatchObject({ status: 201, body: { isShared: false, sharedAt: null, consentVersion: null } })
    expect(await traces()).toMatchObject([{ status: 'local_only', consentVersion: null }])
  })
})

describe('traces', () => {
  test('A trace shows the target as it was at the time of the vote', async () => {
    const { vote, revisionId, issueId, identifier, author, commentId, traces } = await setup()
    await vote({ reason: 'Fine' })
    await vote({ targetType: 'issue_document_revision', targetId: revisionId, vote: 'down' })
    const listed = await traces('', `issues/${identifier}`)
    expect(listed).toMatchObject([
      {
        issueIdentifier: identifier,
        targetType: 'issue_document_revision',
        targetSummary: {
          label: 'The plan (revision 1)',
          excerpt: '# First',
          documentKey: 'plan',
          revisionNumber: 1,
          authorUserId: 'local-board',
        },
        payloadSnapshot: null,
      },
      {
        targetId: commentId,
        targetSummary: { label: 'Comment', excerpt: 'All done, as you asked', authorAgentId: author.id, documentKey: null },
        payloadSnapshot: null,
      },
    ])
    const [, trace] = listed
    expect((await server().board.get(`/api/feedback-traces/${trace.id}`)).body).toEqual(trace)
    const { body: whole } = await server().board.get(`/api/feedback-traces/${trace.id}?includePayload=true`)
    expect(whole).toMatchObject({
      payloadSnapshot: {
        version: 1,
        vote: { vote: 'up', reason: 'Fine' },
        issue: { id: issueId, identifier, status: 'todo' },
        target: { type: 'issue_comment', id: commentId, body: 'All done,\n\n as you  asked', isShortened: false, document: null },
      },
    })
    expect((await traces('?includePayload=1'))[1]).toEqual(whole)
    await server().board.del(`/api/issues/${issueId}/documents/plan`)
    expect((await traces('?targetType=issue_document_revision')).map((each: { targetSummary: unknown }) => each.targetSummary)).toEqual([
      listed[0].targetSummary,
    ])
  })

  test('A bundle contains the trace, its target and its company', async () => {
    const { vote, traces, company, issueId, identifier } = await setup()
    await vote()
    const [{ id }] = await traces()
    const { body } = await server().board.get(`/api/feedback-traces/${id}?includePayload=true`)
    expect(await server().board.get(`/api/feedback-traces/${id}/bundle`)).toMatchObject({
      status: 200,
      body: {
        traceId: id,
        companyId: company.id,
        companyName: 'Acme Works',
        issueId,
        issueIdentifier: identifier,
        trace: body,
        target: body.payloadSnapshot.target,
        files: [],
      },
    })
  })

  test('Secrets are redacted and long texts are cut before a trace is stored', async () => {
    const { issueId, vote, traces } = await setup()
    const secret = `pcp_${'a1b2c3d4'.repeat(6)}`
    // The text is cut inside the secret, and no pattern would recognise half of it.
    const body = `${'x'.repeat(3989)} ${secret}${'😀'.repeat(5000)}`
    const { body: comment } = await server().board.post(`/api/issues/${issueId}/comments`, { body })
    await vote({ targetId: comment.id, vote: 'down', reason: `Contains ${secret}` })
    const { rows } = await server().database.sql.query('select * from feedback_traces where issue_id = $1', [issueId])
    expect(JSON.stringify(rows)).not.toContain('pcp_')
    const [trace] = await traces('?includePayload=true')
    expect(trace.targetSummary.excerpt).toHaveLength(240)
    expect(trace.payloadSnapshot).toMatchObject({ vote: { reason: 'Contains ***REDACTED***' }, target: { isShortened: true } })
    expect(trace.payloadSnapshot.target.body).toHaveLength(4000)
    const { body: smiling } = await server().board.post(`/api/issues/${issueId}/comments`, { body: `x${'😀'.repeat(5000)}` })
    expect((await vote({ targetId: smiling.id })).status).toBe(201)
  })

  test('Each filter of traces selects exactly the matching traces', async () => {
    const here = await setup()
    await here.consent()
    const { body: project } = await server().board.post(`/api/companies/${here.company.id}/projects`, { name: 'Site' })
    const { id: other } = await here.issue({ projectId: project.id })
    const { body: comment } = await server().board.post(`/api/issues/${other}/comments`, { body: 'Other' })
    await here.vote({ vote: 'down' })
    await here.vote({ targetType: 'issue_document_revision', targetId: here.revisionId })
    await server().board.post(`/api/issues/${other}/feedback-votes`, {
      targetType: 'issue_comment',
      targetId: comment.id,
      vote: 'up',
      allowSharing: true,
    })
    const { sql } = server().database
    const dated = (targetId: string, at: string) =>
      sql.query('update feedback_traces t set created_at = $2 from feedback_votes v where v.id = t.feedback_vote_id and v.target_id = $1', [
        targetId,
        at,
      ])
    await dated(here.commentId, '2026-04-01T12:00:00Z')
    await dated(here.revisionId, '2026-04-02T23:59:59.500Z')
    await dated(comment.id, '2026-04-03T00:00:00Z')
    const [c, r, o] = ['comment', 'revision', 'other']
    const names = new Map([
      [here.commentId, c],
      [here.revisionId, r],
      [comment.id, o],
    ])
    const found = async (query: string, of?: string) =>
      (await here.traces(query, of)).map((each: { targetId: string }) => names.get(each.targetId))
    const cases: readonly [query: string, targets: unknown[]][] = [
      ['', [o, r, c]],
      ['?targetType=issue_comment', [o, c]],
      ['?targetType=issue_document_revision', [r]],
      ['?vote=down', [c]],
      ['?vote=up', [o, r]],
      ['?status=pending', [o]],
      ['?status=local_only', [r, c]],
      ['?status=sent', []],
      ['?sharedOnly=true', [o]],
      ['?sharedOnly=false', [o, r, c]],
      [`?issueId=${here.issueId}`, [r, c]],
      [`?projectId=${project.id}`, [o]],
      [`?projectId=${randomUUID()}`, []],
      ['?from=2026-04-02', [o, r]],
      ['?to=2026-04-02', [r, c]],
      ['?to=2026-04-02T00:00:00.000Z', [c]],
      ['?from=2026-04-02&to=2026-04-02&vote=up&targetType=issue_document_revision', [r]],
    ]
    for (const [query, targets] of cases) expect([query, await found(query)]).toEqual([query, targets])
    expect(await found('?vote=up', `issues/${other}`)).toEqual([o])
    // The issue of the path takes precedence over the query.
    expect(await found(`?issueId=${here.issueId}`, `issues/${other}`)).toEqual([o])
    for (const bad of ['from=yesterday', 'to=2026-02-30', 'vote=both', 'targetType=issue'])
      for (const of of [`companies/${here.company.id}`, `issues/${other}`])
        expect(await server().board.get(`/api/${of}/feedback-traces?${bad}`)).toMatchObject({ status: 400 })
  })

  test('A list continues where its page ended', async () => {
    const { vote, revisionId, company, votes } = await setup()
    await vote()
    await vote({ targetType: 'issue_document_revision', targetId: revisionId })
    for (const path of [`/api/companies/${company.id}/feedback-traces`, votes]) {
      const whole = (await server().board.get(path)).body
      const first = await server().board.get(`${path}?limit=1`)
      const next = /<([^>]+)>/.exec(first.headers['link'] ?? '')?.[1] ?? ''
      const second = await server().board.get(next)
      expect([...first.body, ...second.body]).toEqual(whole)
      expect(second.headers['link']).toBeUndefined()
      expect((await server().board.get(`${path}?after=nonsense`)).status).toBe(400)
    }
  })

  test('Traces belong to one company, a missing trace gets 404, and traces are deleted with their issue', async () => {
    const { vote, traces, issueId } = await setup()
    await vote()
    const [{ id }] = await traces()
    const elsewhere = await setup()
    expect(await elsewhere.traces()).toEqual([])
    for (const of of ['', '/bundle']) {
      expect((await server().board.get(`/api/feedback-traces/${id}${of}`)).status).toBe(200)
      expect(await server().board.get(`/api/feedback-traces/${randomUUID()}${of}`)).toMatchObject({
        status: 404,
        body: { error: 'Feedback trace not found' },
      })
      expect((await server().board.get(`/api/feedback-traces/nope${of}`)).status).toBe(400)
    }
    expect((await server().board.del(`/api/issues/${issueId}`)).status).toBe(200)
    expect((await server().board.get(`/api/feedback-traces/${id}`)).status).toBe(404)
    expect(await traces()).toEqual([])
  })
})
