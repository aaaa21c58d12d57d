import { sql } from 'drizzle-orm'
import type { Ctx } from '../db/context.ts'
import { companyOf } from '../db/context.ts'
import { lockCompany } from '../companies/index.ts'
import { mutate, settled, unchanged } from '../db/mutate.ts'
import type { Tx } from '../db/mutate.ts'
import { interactions } from '../db/schema/documents.ts'
import { param, statement } from '../db/statement.ts'
import { lockIssue } from '../holds/index.ts'
import type { LockedIssue } from '../holds/index.ts'
import { onEnter, touchIssue } from '../issues/index.ts'
import { invariant, refuse } from '../kernel/errors.ts'
import type { DomainEvent } from '../kernel/event.ts'
import { only } from '../kernel/only.ts'
import { enqueueWake } from '../wakes/index.ts'
import { interactionAccepted, interactionAnswered, interactionRejected } from './events.ts'
import { interactionById, interactionColumns } from './queries.ts'
import type { InteractionRow } from './queries.ts'
import { answersOf, isSameAnswer } from './rules.ts'
import { interactionStatus } from './status.ts'
import type { InteractionKind, InteractionStatus } from './status.ts'
import { createTasks, isSameSelection } from './tasks.ts'
import type { AskUserQuestions, RequestConfirmation, Respond, SuggestTasks } from './views.ts'

type Resolution = Extract<InteractionStatus, 'accepted' | 'rejected' | 'answered'>

const close = statement<{ id: string; from: string; status: string; result: string; userId: string }, InteractionRow>('interaction_resolve')
  .write(sql`
  update ${interactions} set status = ${param('status')}, result = ${param('result', 'jsonb')}, resolved_by_user_id = ${param('userId')},
    resolved_at = now(), updated_at = now()
  where id = ${param('id')} and status = ${param('from')} returning ${interactionColumns}`)

/** What a resolution does beside being recorded. */
interface Effect {
  readonly result: Readonly<Record<string, unknown>>
  readonly events: readonly DomainEvent[]
}

interface Resolving {
  readonly to: Resolution
  /** Kinds of interaction that can be resolved this way. */
  readonly kinds: readonly InteractionKind[]
  /** Locks what the effect needs before the issue. */
  readonly before?: (tx: Tx, interaction: InteractionRow) => Promise<void>
  /** True when what was decided before is what is asked for now. */
  readonly isRepeat: (resolved: InteractionRow) => boolean
  readonly effect: (tx: Tx, interaction: InteractionRow, issue: LockedIssue) => Promise<Effect>
}

/** (tx) Wakes the assignee, where the question asked for it to be told. */
async function wakeOn(tx: Tx, ctx: Ctx, issue: LockedIssue, resolved: InteractionRow): Promise<DomainEvent[]> {
  const { continuationPolicy: policy, status } = resolved
  const wakes = policy === 'wake_assignee' || (policy === 'wake_assignee_on_accept' && status === 'accepted')
  if (!wakes || issue.assigneeAgentId === null || onEnter[issue.status].closed) return []
  return await enqueueWake(tx, ctx, {
    agentId: issue.assigneeAgentId,
    issueId: issue.id,
    source: 'automation',
    reason: `interaction_${status}`,
    payload: { issueId: issue.id, interactionId: resolved.id, interactionKind: resolved.kind, interactionStatus: status },
  })
}

/**
 * The frame of every resolution: the issue's lock, under which an interaction is resolved once; the effect, in the same
 * transaction; and the wake of who waits for it.
 */
async function resolve(ctx: Ctx, issueId: string, id: string, resolving: Resolving): Promise<InteractionRow> {
  const { actor } = ctx
  invariant(actor.kind === 'board', 'only the board resolves interactions')
  const companyId = companyOf(ctx)
  return await mutate(ctx, async (tx) => {
    const seen = await interactionById(tx, companyId, issueId, id)
    if (!resolving.kinds.includes(seen.kind)) {
      refuse('unprocessable', { message: `An interaction of kind ${seen.kind} cannot be ${resolving.to}` })
    }
    await resolving.before?.(tx, seen)
    const issue = await lockIssue(tx, companyId, issueId)
    const interaction = await interactionById(tx, companyId, issueId, id)
    if (interaction.status === resolving.to && resolving.isRepeat(interaction)) return unchanged(interaction)
    if (!interactionStatus.allows(interaction.status, resolving.to)) {
      refuse('interaction_resolved', { details: { interactionId: id, status: interaction.status } })
    }
    const { result, events } = await resolving.effect(tx, interaction, issue)
    const resolved = only(
      await tx.run(close, {
        id,
        from: interaction.status,
        status: resolving.to,
        result: JSON.stringify({ version: 1, ...result }),
        userId: actor.userId,
      }),
    )
    await touchIssue(tx, issueId)
    return settled(resolved, [...events, ...(await wakeOn(tx, ctx, issue, resolved))])
  })
}

const said = (interaction: InteractionRow) => ({ interactionId: interaction.id, interactionKind: interaction.kind })

/**
 * Accepts a confirmation or suggested tasks. Accepting tasks creates them, all or the selected ones with their parents
 * among them, in the transaction of the decision.
 *
 * @param selectedClientKeys the suggested tasks that are wanted; all of them unless said
 * @throws Refusal `interaction_resolved` when it was decided otherwise or has expired; `unprocessable` for a selection
 *   that names no task or leaves a parent out; as `insertIssue` for what a task refers to
 */
export const acceptInteraction = (ctx: Ctx, issueId: string, id: string, selectedClientKeys: readonly string[] | undefined) =>
  resolve(ctx, issueId, id, {
    to: 'accepted',
    kinds: ['suggest_tasks', 'request_confirmation'],
    // New issues take their numbers from the company, whose lock comes first.
    before: async (tx, { kind }) => {
      if (kind === 'suggest_tasks') await lockCompany(tx, companyOf(ctx))
    },
    isRepeat: (resolved) => selectedClientKeys === undefined || isSameSelection(resolved, selectedClientKeys),
    effect: async (tx, interaction, issue) => {
      if (interaction.kind === 'request_confirmation') {
        const accepted = interactionAccepted(issueId, { ...said(interaction), createdIssueIds: [], skippedClientKeys: [] })
        return { result: { outcome: 'accepted' }, events: [accepted] }
      }
      const payload = interaction.payload as unknown as SuggestTasks
      const { createdTasks, skippedClientKeys, events } = await createTasks(tx, ctx, issue, payload, selectedClientKeys)
      const createdIssueIds = createdTasks.map((task) => task.issueId)
      const accepted = interactionAccepted(issueId, { ...said(interaction), createdIssueIds, skippedClientKeys })
      return { result: { outcome: 'accepted', createdTasks, skippedClientKeys }, events: [accepted, ...events] }
    },
  })

/**
 * Rejects a confirmation or suggested tasks.
 * @throws Refusal `interaction_resolved`; `unprocessable` when the question demands a reason and none is given
 */
export const rejectInteraction = (ctx: Ctx, issueId: string, id: string, reason: string | null) =>
  resolve(ctx, issueId, id, {
    to: 'rejected',
    kinds: ['suggest_tasks', 'request_confirmation'],
    isRepeat: () => true,
    effect: (_tx, interaction) => {
      const demands =
        interaction.kind === 'request_confirmation' && (interaction.payload as Partial<RequestConfirmation>).rejectRequiresReason
      if (demands === true && (reason === null || reason.trim() === ''))
        refuse('unprocessable', { message: 'A reason is required to reject this' })
      return Promise.resolve({
        result: { outcome: 'rejected', reason },
        events: [interactionRejected(issueId, { ...said(interaction), reason })],
      })
    },
  })

/**
 * Answers questions.
 * @throws Refusal `interaction_resolved`; `unprocessable` for answers that do not fit the questions
 */
export const respondToInteraction = (ctx: Ctx, issueId: string, id: string, given: Respond) =>
  resolve(ctx, issueId, id, {
    to: 'answered',
    kinds: ['ask_user_questions'],
    isRepeat: (resolved) => isSameAnswer(resolved, given),
    effect: (_tx, interaction) => {
      const answers = answersOf(interaction.payload as unknown as AskUserQuestions, given)
      return Promise.resolve({
        result: { answers, summaryMarkdown: given.summaryMarkdown ?? null },
        events: [interactionAnswered(issueId, { ...said(interaction), answers: answers.length })],
      })
    },
  })
