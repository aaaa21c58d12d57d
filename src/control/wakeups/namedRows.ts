import { sql } from 'drizzle-orm'
import { approvals } from '../../model/approvals.ts'
import { comments, issues } from '../../model/issues.ts'
import { runs } from '../../model/runs.ts'
import { param, statement } from '../../platform/db/statement.ts'
import type { Tx } from '../../platform/db/types.ts'
import { refuse } from '../../platform/kernel/errors.ts'
import { exactlyOne } from '../../platform/kernel/exactlyOne.ts'
import type { Wakeup } from './views.ts'

interface NamedRows {
  companyId: string
  agentId: string
  issueId: string | null
  runId: string | null
  commentId: string | null
  approvalId: string | null
  issueIds: string[]
}

interface Found {
  readonly hasRun: boolean
  readonly hasComment: boolean
  readonly hasApproval: boolean
  readonly issueCount: number
}

const companyId = param('companyId', 'uuid')

const selectNamed = statement<NamedRows, Found>('wakeup_named_rows').read(sql`
  select exists (select 1 from ${runs} r where r.id = ${param('runId', 'uuid')} and r.agent_id = ${param('agentId', 'uuid')}
      and r.company_id = ${companyId}) as "hasRun",
    exists (select 1 from ${comments} m join ${issues} i on i.id = m.issue_id where m.id = ${param('commentId', 'uuid')}
      and i.company_id = ${companyId} and i.id = coalesce(${param('issueId', 'uuid')}, i.id)) as "hasComment",
    exists (select 1 from ${approvals} a where a.id = ${param('approvalId', 'uuid')} and a.company_id = ${companyId}) as "hasApproval",
    (select count(*)::int from ${issues} i where i.id = any(${param('issueIds', 'uuid[]')}) and i.company_id = ${companyId}) as "issueCount"`)

interface Request extends Pick<NamedRows, 'companyId' | 'agentId' | 'issueId'> {
  readonly payload: Wakeup['payload']
}

/**
 * (tx) Refuses a request whose payload names a run that is not the agent's, a comment that is not one of the company or not of the
 * named issue, or an approval or an issue that is not one of the company (I12): its run would start without what the caller meant to
 * give it, and with an id in its environment that means nothing.
 * @throws Refusal `not_found`
 */
export async function requireNamedRows(tx: Tx, { payload, ...ids }: Request): Promise<void> {
  const { resumeFromRunId: runId = null, commentId = null, approvalId = null } = payload ?? {}
  const issueIds = [...new Set(payload?.issueIds)]
  if (runId === null && commentId === null && approvalId === null && issueIds.length === 0) return
  const found = exactlyOne(await tx.run(selectNamed, { ...ids, runId, commentId, approvalId, issueIds }))
  if (runId !== null && !found.hasRun) refuse('not_found', { message: 'Run to resume not found' })
  if (commentId !== null && !found.hasComment) refuse('not_found', { message: 'Comment not found' })
  if (approvalId !== null && !found.hasApproval) refuse('not_found', { message: 'Approval not found' })
  if (found.issueCount < issueIds.length) refuse('not_found', { message: 'Issue not found' })
}
