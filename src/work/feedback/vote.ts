import { randomUUID } from 'node:crypto'
import { sql } from 'drizzle-orm'
import type { Ctx, Tx } from '../../platform/db/types.ts'
import { companyOf } from '../../platform/db/context.ts'
import { changed, mutate, unchanged } from '../../platform/db/mutate.ts'
import { companies } from '../../model/companies.ts'
import { documentRevisions } from '../../model/documents.ts'
import { traces, votes } from '../../model/feedback.ts'
import { instanceSettings } from '../../model/instance.ts'
import { comments } from '../../model/issues.ts'
import { param, statement } from '../../platform/db/statement.ts'
import { lockIssue } from '../../engine/holds/index.ts'
import type { LockedIssue } from '../../engine/holds/index.ts'
import { refuse } from '../../platform/kernel/errors.ts'
import { exactlyOne } from '../../platform/kernel/exactlyOne.ts'
import { redact } from '../../platform/kernel/redact.ts'
import { truncate } from '../../platform/kernel/text.ts'
import { feedbackVoteSaved } from './events.ts'
import { voteColumns, voterOf } from './queries.ts'
import type { VoteRow } from './queries.ts'
import type { TargetSummary, VoteInput } from './views.ts'

/** Characters of the target that a trace stores. The limit keeps a page of traces small. */
const BODY_MAX_LENGTH = 4000
/** Characters of the target that a list shows. */
const EXCERPT_MAX_LENGTH = 240

interface VoteTarget {
  readonly body: string
  readonly authorAgentId: string | null
  readonly authorUserId: string | null
  readonly createdByRunId: string | null
  readonly createdAt: string
  readonly documentKey: string | null
  readonly documentTitle: string | null
  readonly revisionNumber: number | null
}

interface VoteTargetRef {
  companyId: string
  issueId: string
  targetId: string
}

const selectComment = statement<VoteTargetRef, VoteTarget>('feedback_comment').read(sql`
  select body, author_agent_id as "authorAgentId", author_user_id as "authorUserId", created_by_run_id as "createdByRunId",
    created_at as "createdAt", null as "documentKey", null as "documentTitle", null as "revisionNumber"
  from ${comments} where id = ${param('targetId')} and issue_id = ${param('issueId')} and company_id = ${param('companyId')}`)

const selectRevision = statement<VoteTargetRef, VoteTarget>('feedback_revision').read(sql`
  select body, created_by_agent_id as "authorAgentId", created_by_user_id as "authorUserId", created_by_run_id as "createdByRunId",
    created_at as "createdAt", key as "documentKey", title as "documentTitle", revision_number as "revisionNumber"
  from ${documentRevisions} where id = ${param('targetId')} and issue_id = ${param('issueId')} and company_id = ${param('companyId')}`)

/** (tx) The comment or revision that a vote is about. @throws Refusal `not_found` when it is missing, foreign, or of another issue */
async function requireTarget(tx: Tx, targetRef: VoteTargetRef, type: VoteInput['targetType']): Promise<VoteTarget> {
  const isComment = type === 'issue_comment'
  const [target] = await tx.run(isComment ? selectComment : selectRevision, targetRef)
  if (target === undefined) refuse('not_found', { message: `${isComment ? 'Comment' : 'Document revision'} not found` })
  return target
}

interface Consent {
  isGiven: boolean
  termsVersion: string | null
  isForbidden: boolean
}

const selectConsent = statement<{ companyId: string }, Consent>('feedback_consent').read(sql`
  select feedback_data_sharing_enabled as "isGiven", feedback_data_sharing_terms_version as "termsVersion",
    exists (select 1 from ${instanceSettings} where name = 'general'
      and settings ->> 'feedbackDataSharingPreference' = 'not_allowed') as "isForbidden"
  from ${companies} where id = ${param('companyId')}`)

/** (tx) The version of the terms under which the company shares feedback. @throws Refusal `sharing_not_consented` */
async function requireConsent(tx: Tx, companyId: string): Promise<string | null> {
  const consent = exactlyOne(await tx.run(selectConsent, { companyId }))
  if (consent.isForbidden) refuse('sharing_not_consented', { message: 'This instance does not allow feedback to be shared' })
  return consent.isGiven ? consent.termsVersion : refuse('sharing_not_consented')
}

/** @param body of the target, redacted before it is cut: half of a secret at the end would not be recognised */
function summaryOf(target: VoteTarget, body: string): TargetSummary {
  const { authorAgentId, authorUserId, createdAt, documentKey, documentTitle, revisionNumber } = target
  const label = documentKey === null ? 'Comment' : `${redact(documentTitle ?? documentKey)} (revision ${revisionNumber})`
  const excerpt = truncate(body.replaceAll(/\s+/g, ' ').trim(), EXCERPT_MAX_LENGTH)
  return { label, excerpt, authorAgentId, authorUserId, createdAt, documentKey, documentTitle: redact(documentTitle), revisionNumber }
}

function snapshotOf(issue: LockedIssue, input: VoteInput, target: VoteTarget, body: string): Record<string, unknown> {
  const { createdByRunId, documentKey, documentTitle, revisionNumber, authorAgentId, authorUserId, createdAt } = target
  return redact({
    version: 1,
    vote: { vote: input.vote, reason: input.reason || null },
    issue: { id: issue.id, identifier: issue.identifier, title: issue.title, status: issue.status },
    target: {
      type: input.targetType,
      id: input.targetId,
      body: truncate(body, BODY_MAX_LENGTH),
      isShortened: body.length > BODY_MAX_LENGTH,
      authorAgentId,
      authorUserId,
      createdByRunId,
      createdAt,
      document: documentKey === null ? null : { key: documentKey, title: documentTitle, revisionNumber },
    },
  })
}

interface NewVote {
  id: string
  companyId: string
  issueId: string
  targetType: string
  targetId: string
  userId: string
  vote: string
  reason: string | null
  isShared: boolean
  consentVersion: string | null
}

const selectPreviousVote = statement<Pick<NewVote, 'targetId' | 'targetType' | 'userId'>, VoteRow>('feedback_vote_before').read(sql`
  select ${voteColumns} from ${votes}
  where target_id = ${param('targetId')} and target_type = ${param('targetType')} and author_user_id = ${param('userId')}`)

const saveVote = statement<NewVote, VoteRow>('feedback_vote_save').write(sql`
  insert into ${votes} (id, company_id, issue_id, target_type, target_id, author_user_id, vote, reason, is_shared, shared_at, consent_version)
  values (${param('id')}, ${param('companyId')}, ${param('issueId')}, ${param('targetType')}, ${param('targetId')}, ${param('userId')},
    ${param('vote')}, ${param('reason')}, ${param('isShared', 'boolean')}, case when ${param('isShared', 'boolean')} then now() end, ${param('consentVersion')})
  on conflict (target_id, target_type, author_user_id) do update set vote = excluded.vote, reason = excluded.reason,
    is_shared = excluded.is_shared, shared_at = excluded.shared_at, consent_version = excluded.consent_version, updated_at = now()
  returning ${voteColumns}`)

interface NewTrace {
  companyId: string
  issueId: string
  voteId: string
  status: string
  summary: string
  payload: string
}

const saveTrace = statement<NewTrace, { id: string }>('feedback_trace_save').write(sql`
  insert into ${traces} (company_id, issue_id, feedback_vote_id, status, target_summary, payload_snapshot)
  values (${param('companyId')}, ${param('issueId')}, ${param('voteId')}, ${param('status')}, ${param('summary', 'jsonb')}, ${param('payload', 'jsonb')})
  on conflict (feedback_vote_id) do update set status = excluded.status, target_summary = excluded.target_summary,
    payload_snapshot = excluded.payload_snapshot, updated_at = now()
  returning id`)

/**
 * Saves the caller's vote on a comment or on a document revision, with a trace that copies the target. A second vote of the
 * same person on the same target replaces the first; an equal vote changes nothing.
 *
 * @throws Refusal `not_found` for issue and target; `sharing_not_consented`
 */
export async function saveFeedbackVote(ctx: Ctx, issueId: string, input: VoteInput): Promise<VoteRow> {
  const [companyId, userId] = [companyOf(ctx), voterOf(ctx)]
  const { targetType, targetId, vote, allowSharing: isShared } = input
  const reason = input.reason || null
  return await mutate(ctx, async (tx) => {
    // The issue's row lock serialises votes on one target, and prevents the deletion of the document.
    const issue = await lockIssue(tx, companyId, issueId)
    const target = await requireTarget(tx, { companyId, issueId, targetId }, targetType)
    const consentVersion = isShared ? await requireConsent(tx, companyId) : null
    const [previous] = await tx.run(selectPreviousVote, { targetId, targetType, userId })
    if (previous?.vote === vote && previous.reason === reason && previous.isShared === isShared) return unchanged(previous)
    const newVote = { id: randomUUID(), companyId, issueId, targetType, targetId, userId, vote, reason, isShared, consentVersion }
    const saved = exactlyOne(await tx.run(saveVote, newVote))
    const body = redact(target.body)
    const trace = exactlyOne(
      await tx.run(saveTrace, {
        companyId,
        issueId,
        voteId: saved.id,
        status: isShared ? 'pending' : 'local_only',
        summary: JSON.stringify(summaryOf(target, body)),
        payload: JSON.stringify(snapshotOf(issue, input, target, body)),
      }),
    )
    const details = {
      feedbackVoteId: saved.id,
      feedbackTraceId: trace.id,
      targetType,
      targetId,
      vote,
      hasReason: reason !== null,
      isShared,
    }
    return changed(saved, feedbackVoteSaved(issueId, { ...details, previousVote: previous?.vote ?? null }))
  })
}
