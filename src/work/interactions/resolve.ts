import { sql } from 'drizzle-orm'
import type { Ctx, Tx } from '../../platform/db/types.ts'
import { companyOf } from '../../platform/db/context.ts'
import { lockCompany } from '../../org/companies/index.ts'
import { mutate, changedIfAny, unchanged } from '../../platform/db/mutate.ts'
import { agents } from '../../model/agents.ts'
import { interactions } from '../../model/documents.ts'
import { param, statement } from '../../platform/db/statement.ts'
import { lockIssue } from '../../engine/holds/index.ts'
import type { LockedIssue } from '../../engine/holds/index.ts'
import { isClosed } from '../../model/issueStatus.ts'
import { patchIssue, touchIssue } from '../issues/index.ts'
import { invariant, refuse } from '../../platform/kernel/errors.ts'
import type { DomainEvent } from '../../platform/kernel/event.ts'
import { exactlyOne } from '../../platform/kernel/exactlyOne.ts'
import { enqueueWake } from '../../engine/wakes/index.ts'
import { interactionAccepted, interactionAnswered, interactionRejected } from './events.ts'
import { interactionById, interactionColumns } from './queries.ts'
import type { InteractionRow } from './queries.ts'
import { validateAnswers, isSameAnswer } from './answers.ts'
import { interactionStatus } from '../../model/interactionStatus.ts'
import type { InteractionKind, InteractionStatus } from '../../model/interactionStatus.ts'
import { createTasks, isSameSelection } from './tasks.ts'
import type { AskUserQuestions, RequestConfirmation, Respond, SuggestTasks } from './views.ts'

type Resolution = Extract<InteractionStatus, 'accepted' | 'rejected' | 'answered'>

const updateStatus = statement<{ id: string; from: string; status: string; result: string; userId: string }, InteractionRow>(
  'interaction_resolve',
).write(sql`
  update ${interactions} set status = ${param('status')}, result = ${param('result', 'jsonb')}, resolved_by_user_id = ${param('userId')},
    resolved_at = now(), updated_at = now()
  where id = ${param('id')} and status = ${param('from')} returning ${interactionColumns}`)

/** The result and the events of a resolution. */
interface ResolutionEffect {
  readonly result: Readonly<Record<string, unknown>>
  readonly events: readonly DomainEvent[]
}

interface ResolutionRule {
  readonly to: Resolution
  /** Kinds of interaction that can be resolved this way. */
  readonly kinds: readonly InteractionKind[]
  /** Takes the row locks that the effect needs before the issue's. */
  readonly lockFirst?: (tx: Tx, interaction: InteractionRow) => Promise<void>
  /** Whether the interaction was resolved by an equal request. */
  readonly isRepeat: (resolved: InteractionRow) => boolean
  readonly effect: (tx: Tx, interaction: InteractionRow, issue: LockedIssue) => Promise<ResolutionEffect>
}

const invokableAgent = statement<{ agentId: string; companyId: string }, { id: string }>('interaction_asker').read(sql`
  select a.id from ${agents} a where a.id = ${param('agentId')} and a.company_id = ${param('companyId')}
    and a.status not in ('terminated', 'pending_approval')`)

/**
 * (tx) Wakes the assignee if the continuation policy of the interaction requires it. Where a person or no agent has the issue, the
 * agent that asked is woken, because it waits for the answer: on acceptance the issue goes back to it, else it learns of the answer
 * beside the issue.
 */
async function wakeForAnswer(tx: Tx, ctx: Ctx, issue: LockedIssue, resolved: InteractionRow): Promise<DomainEvent[]> {
  const { continuationPolicy: policy, status, createdByAgentId } = resolved
  const shouldWake = policy === 'wake_assignee' || (policy === 'wake_assignee_on_accept' && status === 'accepted')
  if (!shouldWake || isClosed(issue.status)) return []
  const wake = {
    issueId: issue.id,
    source: 'automation',
    reason: `interaction_${status}`,
    payload: { issueId: issue.id, interactionId: resolved.id, interactionKind: resolved.kind, interactionStatus: status },
  } as const
  if (issue.assigneeAgentId !== null) return await enqueueWake(tx, ctx, { ...wake, agentId: issue.assigneeAgentId })
  if (createdByAgentId === null) return []
  const [asker] = await tx.run(invokableAgent, { agentId: createdByAgentId, companyId: companyOf(ctx) })
  if (asker === undefined) return []
  const events: DomainEvent[] = []
  if (status === 'accepted') {
    const input = { assigneeAgentId: asker.id, assigneeUserId: null }
    events.push(...(await patchIssue(tx, ctx, issue.id, { input, expected: { ifMatch: null, lockEpoch: null } })).events)
  }
  return [...events, ...(await enqueueWake(tx, ctx, { ...wake, agentId: asker.id, besideHolder: status !== 'accepted' }))]
}

/**
 * The steps of every resolution, as one mutation: the issue's row lock, under which an interaction is resolved once; the
 * effect; the new status; and the wake of the assignee.
 */
async function resolveInteraction(ctx: Ctx, issueId: string, id: string, rule: ResolutionRule): Promise<InteractionRow> {
  const { actor } = ctx
  invariant(actor.kind === 'board', 'only the board resolves interactions')
  const companyId = companyOf(ctx)
  return await mutate(ctx, async (tx) => {
    const unlocked = await interactionById(tx, companyId, issueId, id)
    if (!rule.kinds.includes(unlocked.kind)) {
      refuse('unprocessable', { message: `An interaction of kind ${unlocked.kind} cannot be ${rule.to}` })
    }
    await rule.lockFirst?.(tx, unlocked)
    const issue = await lockIssue(tx, companyId, issueId)
    const interaction = await interactionById(tx, companyId, issueId, id)
    if (interaction.status === rule.to && rule.isRepeat(interaction)) return unchanged(interaction)
    if (!interactionStatus.allows(interaction.status, rule.to)) {
      refuse('interaction_resolved', { details: { interactionId: id, status: interaction.status } })
    }
    const { result, events } = await rule.effect(tx, interaction, issue)
    const resolved = exactlyOne(
      await tx.run(updateStatus, {
        id,
        from: interaction.status,
        status: rule.to,
        result: JSON.stringify({ version: 1, ...result }),
        userId: actor.userId,
      }),
    )
    await touchIssue(tx, issueId)
    return changedIfAny(resolved, [...events, ...(await wakeForAnswer(tx, ctx, issue, resolved))])
  })
}

const eventDetails = (interaction: InteractionRow) => ({ interactionId: interaction.id, interactionKind: interaction.kind })

/**
 * Accepts a confirmation or suggested tasks. Accepting tasks creates all or the selected ones, in the transaction of the
 * decision.
 *
 * @param selectedClientKeys the tasks to create; undefined for all of them
 * @throws Refusal `interaction_resolved` when it was resolved differently or has expired; `unprocessable` for a selection
 *   with an unknown task or without the parent of a task; as `insertIssue` for the references of a task
 */
export const acceptInteraction = (ctx: Ctx, issueId: string, id: string, selectedClientKeys: readonly string[] | undefined) =>
  resolveInteraction(ctx, issueId, id, {
    to: 'accepted',
    kinds: ['suggest_tasks', 'request_confirmation'],
    // New issues share the company's row lock, which precedes that of the issue.
    lockFirst: async (tx, { kind }) => {
      if (kind === 'suggest_tasks') await lockCompany(tx, companyOf(ctx))
    },
    isRepeat: (resolved) => selectedClientKeys === undefined || isSameSelection(resolved, selectedClientKeys),
    effect: async (tx, interaction, issue) => {
      if (interaction.kind === 'request_confirmation') {
        const accepted = interactionAccepted(issueId, { ...eventDetails(interaction), createdIssueIds: [], skippedClientKeys: [] })
        return { result: { outcome: 'accepted' }, events: [accepted] }
      }
      const payload = interaction.payload as unknown as SuggestTasks
      const { createdTasks, skippedClientKeys, events } = await createTasks(tx, ctx, issue, { ...payload, selectedClientKeys })
      const createdIssueIds = createdTasks.map((task) => task.issueId)
      const accepted = interactionAccepted(issueId, { ...eventDetails(interaction), createdIssueIds, skippedClientKeys })
      return { result: { outcome: 'accepted', createdTasks, skippedClientKeys }, events: [accepted, ...events] }
    },
  })

/**
 * Rejects a confirmation or suggested tasks.
 * @throws Refusal `interaction_resolved`; `unprocessable` when a required reason is missing
 */
export const rejectInteraction = (ctx: Ctx, issueId: string, id: string, reason: string | null) =>
  resolveInteraction(ctx, issueId, id, {
    to: 'rejected',
    kinds: ['suggest_tasks', 'request_confirmation'],
    isRepeat: () => true,
    effect: (_tx, interaction) => {
      const needsReason =
        interaction.kind === 'request_confirmation' && (interaction.payload as Partial<RequestConfirmation>).rejectRequiresReason
      if (needsReason === true && (reason === null || reason.trim() === ''))
        refuse('unprocessable', { message: 'A reason is required to reject this' })
      return Promise.resolve({
        result: { outcome: 'rejected', reason },
        events: [interactionRejected(issueId, { ...eventDetails(interaction), reason })],
      })
    },
  })

/**
 * Answers questions.
 * @throws Refusal `interaction_resolved`; `unprocessable` for answers that do not fit the questions
 */
export const respondToInteraction = (ctx: Ctx, issueId: string, id: string, response: Respond) =>
  resolveInteraction(ctx, issueId, id, {
    to: 'answered',
    kinds: ['ask_user_questions'],
    isRepeat: (resolved) => isSameAnswer(resolved, response),
    effect: (_tx, interaction) => {
      const answers = validateAnswers(interaction.payload as unknown as AskUserQuestions, response)
      return Promise.resolve({
        result: { answers, summaryMarkdown: response.summaryMarkdown ?? null },
        events: [interactionAnswered(issueId, { ...eventDetails(interaction), answers: answers.length })],
      })
    },
  })
