import { sql } from 'drizzle-orm'
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
}

const selectNamed = statement<NamedRows, { hasRun: boolean; hasComment: boolean }>('wakeup_named_rows').read(sql`
  select exists (select 1 from ${runs} r where r.id = ${param('runId', 'uuid')} and r.agent_id = ${param('agentId', 'uuid')}
      and r.company_id = ${param('companyId', 'uuid')}) as "hasRun",
    exists (select 1 from ${comments} m join ${issues} i on i.id = m.issue_id where m.id = ${param('commentId', 'uuid')}
      and i.company_id = ${param('companyId', 'uuid')} and i.id = coalesce(${param('issueId', 'uuid')}, i.id)) as "hasComment"`)

interface Request extends Pick<NamedRows, 'companyId' | 'agentId' | 'issueId'> {
  readonly payload: Wakeup['payload']
}

/**
 * (tx) Refuses a request whose payload names a run that is not the agent's, or a comment that is not one of the company or not of the
 * named issue (I12): its run would start without what the caller meant to give it.
 * @throws Refusal `not_found`
 */
export async function requireNamedRows(tx: Tx, { payload, ...ids }: Request): Promise<void> {
  const [runId, commentId] = [payload?.resumeFromRunId ?? null, payload?.commentId ?? null]
  if (runId === null && commentId === null) return
  const { hasRun, hasComment } = exactlyOne(await tx.run(selectNamed, { ...ids, runId, commentId }))
  if (runId !== null && !hasRun) refuse('not_found', { message: 'Run to resume not found' })
  if (commentId !== null && !hasComment) refuse('not_found', { message: 'Comment not found' })
}
