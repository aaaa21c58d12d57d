import { randomUUID } from 'node:crypto'
import { sql } from 'drizzle-orm'
import type { Ctx } from '../db/context.ts'
import { companyOf } from '../db/context.ts'
import { changed, mutate, unchanged } from '../db/mutate.ts'
import type { Tx } from '../db/mutate.ts'
import { companies } from '../db/schema/companies.ts'
import { documentRevisions } from '../db/schema/documents.ts'
import { traces, votes } from '../db/schema/feedback.ts'
import { instanceSettings } from '../db/schema/instance.ts'
import { comments } from '../db/schema/issues.ts'
import { param, statement } from '../db/statement.ts'
import { lockIssue } from '../holds/index.ts'
import type { LockedIssue } from '../holds/index.ts'
import { notFound, refuse } from '../kernel/errors.ts'
import { only } from '../kernel/only.ts'
import { redact } from '../kernel/redact.ts'
import { shorten } from '../kernel/text.ts'
import { feedbackVoteSaved } from './events.ts'
import { voteColumns, voterOf } from './queries.ts'
import type { VoteRow } from './queries.ts'
import type { TargetSummary, WantedVote } from './views.ts'

/** Characters of the target that a trace keeps: enough to see what was meant, and a page of traces can be answered. */
const BODY_MAX = 4000
/** Characters of the target that a list shows. */
const EXCERPT_MAX = 240

interface Target {
  readonly body: string
  readonly authorAgentId: string | null
  readonly authorUserId: string | null
  readonly createdByRunId: string | null
  readonly createdAt: string
  readonly documentKey: string | null
  readonly documentTitle: string | null
  readonly revisionNumber: number | null
}

interface Sought {
  companyId: string
  issueId: string
  targetId: string
}

const commentOf = statement<Sought, Target>('feedback_comment').read(sql`
  select body, author_agent_id as "authorAgentId", author_user_id as "authorUserId", created_by_run_id as "createdByRunId",
    created_at as "createdAt", null as "documentKey", null as "documentTitle", null as "revisionNumber"
  from ${comments} where id = ${param('targetId')} and issue_id = ${param('issueId')} and company_id = ${param('companyId')}`)

const revisionOf = statement<Sought, Target>('feedback_revision').read(sql`
  select body, created_by_agent_id as "authorAgentId", created_by_user_id as "authorUserId", created_by_run_id as "createdByRunId",
    created_at as "createdAt", key as "documentKey", title as "documentTitle", revision_number as "revisionNumber"
  from ${documentRevisions} where id = ${param('targetId')} and issue_id = ${param('issueId')} and company_id = ${param('companyId')}`)

/** (tx) What is voted on. @throws Refusal `not_found` for what is missing, foreign, or of another issue */
async function demandTarget(tx: Tx, sought: Sought, type: WantedVote['targetType']): Promise<Target> {
  const isComment = type === 'issue_comment'
  const [target] = await tx.run(isComment ? commentOf : revisionOf, sought)
  if (target === undefined) throw notFound(isComment ? 'Comment' : 'Document revision')
  return target
}

interface Consent {
  isGiven: boolean
  termsVersion: string | null
  isForbidden: boolean
}

const consentOf = statement<{ companyId: string }, Consent>('feedback_consent').read(sql`
  select feedback_data_sharing_enabled as "isGiven", feedback_data_sharing_terms_version as "termsVersion",
    exists (select 1 from ${instanceSettings} where name = 'general'
      and settings ->> 'feedbackDataSharingPreference' = 'not_allowed') as "isForbidden"
  from ${companies} where id = ${param('companyId')}`)

/** (tx) The terms under which the company lets feedback be shared. @throws Refusal `sharing_not_consented` */
async function demandConsent(tx: Tx, companyId: string): Promise<string | null> {
  const consent = only(await tx.run(consentOf, { companyId }))
  if (consent.isForbidden) refuse('sharing_not_consented', { message: 'This instance does not allow feedback to be shared' })
  return consent.isGiven ? consent.termsVersion : refuse('sharing_not_consented')
}

/** Redacted before it is cut, so that no half of a secret is left at the end. */
function summaryOf(target: Target, body: string): TargetSummary {
  const { authorAgentId, authorUserId, createdAt, documentKey, documentTitle, revisionNumber } = target
  const label = documentKey === null ? 'Comment' : `${redact(documentTitle ?? documentKey)} (revision ${revisionNumber})`
  const excerpt = shorten(body.replaceAll(/\s+/g, ' ').trim(), EXCERPT_MAX)
  return { label, excerpt, authorAgentId, authorUserId, createdAt, documentKey, documentTitle: redact(documentTitle), revisionNumber }
}

function payloadOf(issue: LockedIssue, wanted: WantedVote, target: Target, body: string): Record<string, unknown> {
  const { createdByRunId, documentKey, documentTitle, revisionNumber, authorAgentId, authorUserId, createdAt } = target
  return redact({
    version: 1,
    vote: { vote: wanted.vote, reason: wanted.reason || null },
    issue: { id: issue.id, identifier: issue.identifier, title: issue.title, status: issue.status },
    target: {
      type: wanted.targetType,
      id: wanted.targetId,
      body: shorten(body, BODY_MAX),
      isShortened: body.length > BODY_MAX,
      authorAgentId,
      authorUserId,
      createdByRunId,
      createdAt,
      document: documentKey === null ? null : { key: documentKey, title: documentTitle, revisionNumber },
    },
  })
}

interface Saving {
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

const before = statement<Pick<Saving, 'targetId' | 'targetType' | 'userId'>, VoteRow>('feedback_vote_before').read(sql`
  select ${voteColumns} from ${votes}
  where target_id = ${param('targetId')} and target_type = ${param('targetType')} and author_user_id = ${param('userId')}`)

const saveVote = statement<Saving, VoteRow>('feedback_vote_save').write(sql`
  insert into ${votes} (id, company_id, issue_id, target_type, target_id, author_user_id, vote, reason, is_shared, shared_at, consent_version)
  values (${param('id')}, ${param('companyId')}, ${param('issueId')}, ${param('targetType')}, ${param('targetId')}, ${param('userId')},
    ${param('vote')}, ${param('reason')}, ${param('isShared', 'boolean')}, case when ${param('isShared', 'boolean')} then now() end, ${param('consentVersion')})
  on conflict (target_id, target_type, author_user_id) do update set vote = excluded.vote, reason = excluded.reason,
    is_shared = excluded.is_shared, shared_at = excluded.shared_at, consent_version = excluded.consent_version, updated_at = now()
  returning ${voteColumns}`)

interface SavingTrace {
  companyId: string
  issueId: string
  voteId: string
  status: string
  summary: string
  payload: string
}

const saveTrace = statement<SavingTrace, { id: string }>('feedback_trace_save').write(sql`
  insert into ${traces} (company_id, issue_id, feedback_vote_id, status, target_summary, payload_snapshot)
  values (${param('companyId')}, ${param('issueId')}, ${param('voteId')}, ${param('status')}, ${param('summary', 'jsonb')}, ${param('payload', 'jsonb')})
  on conflict (feedback_vote_id) do update set status = excluded.status, target_summary = excluded.target_summary,
    payload_snapshot = excluded.payload_snapshot, updated_at = now()
  returning id`)

/**
 * Saves what the asking person thinks of a comment or of a text of a document, with a trace of what it was about. Another
 * vote of the same person on the same target takes the place of the first; the same vote again changes nothing.
 *
 * @throws Refusal `not_found` for issue and target; `sharing_not_consented`
 */
export async function saveFeedbackVote(ctx: Ctx, issueId: string, wanted: WantedVote): Promise<VoteRow> {
  const [companyId, userId] = [companyOf(ctx), voterOf(ctx)]
  const { targetType, targetId, vote, allowSharing: isShared } = wanted
  const reason = wanted.reason || null
  return await mutate(ctx, async (tx) => {
    // Its lock makes votes on one target follow each other, and keeps the document from going meanwhile.
    const issue = await lockIssue(tx, companyId, issueId)
    const target = await demandTarget(tx, { companyId, issueId, targetId }, targetType)
    const consentVersion = isShared ? await demandConsent(tx, companyId) : null
    const [previous] = await tx.run(before, { targetId, targetType, userId })
    if (previous?.vote === vote && previous.reason === reason && previous.isShared === isShared) return unchanged(previous)
    const saving = { id: randomUUID(), companyId, issueId, targetType, targetId, userId, vote, reason, isShared, consentVersion }
    const saved = only(await tx.run(saveVote, saving))
    const body = redact(target.body)
    const trace = only(
      await tx.run(saveTrace, {
        companyId,
        issueId,
        voteId: saved.id,
        status: isShared ? 'pending' : 'local_only',
        summary: JSON.stringify(summaryOf(target, body)),
        payload: JSON.stringify(payloadOf(issue, wanted, target, body)),
      }),
    )
    const said = { feedbackVoteId: saved.id, feedbackTraceId: trace.id, targetType, targetId, vote, hasReason: reason !== null, isShared }
    return changed(saved, feedbackVoteSaved(issueId, { ...said, previousVote: previous?.vote ?? null }))
  })
}
