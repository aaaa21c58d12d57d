// Texts that agents are to follow, proposed by an agent: skills of the company and instructions of another agent (I21). The proposal has the whole
// text; what the board approves is exactly what it was shown, because nothing but this server writes the field.

import { sql } from 'drizzle-orm'
import { z } from 'zod'
import { deleteInstructionsFile, writeInstructionsFile } from '../../org/instructions/index.ts'
import { lockAgent } from '../../org/agents/index.ts'
import { draftOf, skillsImported, storeSkills } from '../../org/skills/index.ts'
import { lockUnarchivedCompany } from '../../org/companies/index.ts'
import { approvalCreated } from '../../engine/approvals/index.ts'
import { approvals } from '../../model/approvals.ts'
import { companyOf } from '../../platform/db/context.ts'
import { param, statement } from '../../platform/db/statement.ts'
import { changed, unchanged } from '../../platform/db/mutate.ts'
import type { Outcome } from '../../platform/db/mutate.ts'
import type { Ctx, Tx } from '../../platform/db/types.ts'
import { refuse } from '../../platform/kernel/errors.ts'
import type { DomainEvent } from '../../platform/kernel/event.ts'
import { presentApproval } from './present.ts'
import { reviewOfNew } from './review.ts'
import { approvalColumns, insertApproval } from './row.ts'
import type { ApprovalRow, ApprovalView } from './row.ts'

/** The bytes of the texts of one proposal. A person is to read them. */
const MAX_PROPOSED_BYTES = 128 * 1024

const skillsChange = z.object({
  kind: z.literal('skills'),
  /** Texts by their paths, by the name of the skill. */
  skills: z.record(z.string(), z.record(z.string(), z.string())),
  /** The hash of each skill that they would take the place of; null for a new one. */
  bases: z.record(z.string(), z.string().nullable()),
})

const instructionsChange = z.object({
  kind: z.literal('instructions'),
  agentId: z.uuid(),
  path: z.string(),
  /** Null deletes the file. */
  content: z.string().nullable(),
  /** The revision that they would take the place of; null for a new file. */
  baseRevisionId: z.uuid().nullable(),
})

export const textChange = z.discriminatedUnion('kind', [skillsChange, instructionsChange])
export type TextChange = z.output<typeof textChange>

/** The change of texts that an approval proposes; null for none. @throws Refusal `payload_invalid` for one that cannot be read */
export function textChangeOf({ type, payload }: Pick<ApprovalRow, 'type' | 'payload'>): TextChange | null {
  if (type !== 'request_board_approval' || !('textChange' in payload)) return null
  return textChange.safeParse(payload['textChange']).data ?? refuse('payload_invalid', { message: 'The proposed texts cannot be read' })
}

const findSame = statement<{ companyId: string; byAgentId: string; change: string }, ApprovalRow>('approval_same_texts').read(sql`
  select ${approvalColumns} from ${approvals}
  where company_id = ${param('companyId')} and requested_by_agent_id = ${param('byAgentId')} and status = 'pending'
    and type = 'request_board_approval' and payload->'textChange' = ${param('change', 'jsonb')}
  order by created_at, id limit 1`)

/** A proposal as its requester words it. */
interface TextProposal {
  readonly title: string
  readonly summary: string
  readonly change: TextChange
}

/** (tx) Asks the board for a change of texts. A repeated proposal is one approval. @throws Refusal `unprocessable` for texts too long for a person */
export async function proposeTexts(tx: Tx, ctx: Ctx, { title, summary, change }: TextProposal): Promise<Outcome<ApprovalView>> {
  if (Buffer.byteLength(JSON.stringify(change)) > MAX_PROPOSED_BYTES)
    refuse('unprocessable', { message: `A proposal has at most ${MAX_PROPOSED_BYTES} bytes of text, because a person reads it` })
  const byAgentId = ctx.actor.kind === 'agent' ? ctx.actor.agentId : ''
  const [existing] = await tx.run(findSame, { companyId: companyOf(ctx), byAgentId, change: JSON.stringify(change) })
  if (existing !== undefined) return unchanged(presentApproval(ctx.actor, existing))
  const request = { type: 'request_board_approval', payload: { title, summary, textChange: change } } as const
  const approval = await insertApproval(tx, ctx, { ...request, review: reviewOfNew(request, null) })
  return changed(presentApproval(ctx.actor, approval), approvalCreated(approval.id, { type: approval.type, issueIds: [] }))
}

/** (tx) Makes an approved change of texts. Expects the locks of `lockForEffect` and of the agent. @throws Refusal `document_stale` when the base has changed */
export async function applyTexts(tx: Tx, ctx: Ctx, approvalId: string, change: TextChange): Promise<readonly DomainEvent[]> {
  const companyId = companyOf(ctx)
  if (change.kind === 'skills') {
    await lockUnarchivedCompany(tx, companyId)
    const found = Object.entries(change.skills).map(([slug, files]) => {
      const draft = draftOf(slug, new Map(Object.entries(files)))
      return typeof draft === 'string' ? refuse('payload_invalid', { message: draft }) : { draft, folder: null }
    })
    const stored = await storeSkills(tx, ctx, found, change.bases)
    return [skillsImported(companyId, { skills: stored, warnings: 0, approvalId })]
  }
  const agent = await lockAgent(tx, companyId, change.agentId)
  if (agent.status === 'terminated') refuse('agent_terminated')
  const write = { path: change.path, base: change.baseRevisionId, approvalId }
  return change.content === null
    ? await deleteInstructionsFile(tx, ctx, agent, write)
    : await writeInstructionsFile(tx, ctx, agent, { ...write, content: change.content })
}
