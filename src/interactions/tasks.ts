import { sql } from 'drizzle-orm'
import type { Ctx } from '../db/context.ts'
import { companyOf } from '../db/context.ts'
import type { Tx } from '../db/mutate.ts'
import { labels } from '../db/schema/issues.ts'
import { param, statement } from '../db/statement.ts'
import type { LockedIssue } from '../holds/index.ts'
import { insertIssue } from '../issues/index.ts'
import { refuse } from '../kernel/errors.ts'
import type { DomainEvent } from '../kernel/event.ts'
import type { InteractionRow } from './queries.ts'
import type { SuggestTasks, TaskDraft } from './views.ts'

export interface CreatedTask {
  readonly clientKey: string
  readonly issueId: string
  readonly identifier: string
  readonly title: string
  readonly parentIssueId: string
}

export interface CreatedTasks {
  readonly createdTasks: CreatedTask[]
  readonly skippedClientKeys: string[]
  readonly events: DomainEvent[]
}

/** The selected tasks, each behind its parent. @throws Refusal `unprocessable` for a selection that does not hold together */
function inOrder(tasks: readonly TaskDraft[], selected: ReadonlySet<string>): TaskDraft[] {
  const unknown = [...selected].filter((key) => !tasks.some((task) => task.clientKey === key))
  if (unknown.length > 0) refuse('unprocessable', { message: 'A selected task was not suggested', details: { clientKeys: unknown } })
  const waiting = tasks.filter((task) => selected.has(task.clientKey))
  const orphan = waiting.find((task) => task.parentClientKey && !selected.has(task.parentClientKey))
  if (orphan !== undefined) {
    refuse('unprocessable', { message: 'A selected task needs its parent selected', details: { clientKeys: [orphan.clientKey] } })
  }
  const ordered: TaskDraft[] = []
  const isPlaced = (key: string): boolean => ordered.some((task) => task.clientKey === key)
  // Creating an interaction refuses cycles, so every turn places at least one task.
  while (ordered.length < waiting.length) {
    const ready = waiting.filter((task) => !isPlaced(task.clientKey) && (!task.parentClientKey || isPlaced(task.parentClientKey)))
    if (ready.length === 0) refuse('unprocessable', { message: 'A task cannot be its own ancestor' })
    ordered.push(...ready)
  }
  return ordered
}

const labelsNamed = statement<{ companyId: string; names: string[] }, { id: string; name: string }>('interaction_task_labels').read(sql`
  select id, lower(name) as name from ${labels} where company_id = ${param('companyId')} and lower(name) = any(${param('names', 'text[]')})`)

/**
 * (tx) Creates suggested tasks as issues below the one they were suggested in, or below each other. Expects the
 * company's row lock, from whose counter they are numbered.
 *
 * @param selectedClientKeys the tasks that are wanted; all of them unless said
 * @throws Refusal `unprocessable` for the selection; as `insertIssue` for what a task refers to
 */
export async function createTasks(
  tx: Tx,
  ctx: Ctx,
  issue: LockedIssue,
  payload: SuggestTasks,
  selectedClientKeys: readonly string[] | undefined,
): Promise<CreatedTasks> {
  const { tasks } = payload
  const selected = new Set(selectedClientKeys ?? tasks.map((task) => task.clientKey))
  const names = [...new Set(tasks.flatMap((task) => task.labels ?? []).map((name) => name.toLowerCase()))]
  const known = names.length === 0 ? [] : await tx.run(labelsNamed, { companyId: companyOf(ctx), names })
  const made = new Map<string, { id: string; depth: number }>()
  const createdTasks: CreatedTask[] = []
  const events: DomainEvent[] = []
  for (const task of inOrder(tasks, selected)) {
    const parent = task.parentClientKey ? made.get(task.parentClientKey) : undefined
    const parentIssueId = parent?.id ?? task.parentId ?? payload.defaultParentId ?? issue.id
    const depth = (parent?.depth ?? issue.requestDepth) + 1
    const wantedLabels = (task.labels ?? []).map((name) => name.toLowerCase())
    const created = await insertIssue(tx, ctx, {
      title: task.title,
      description: task.description,
      status: 'todo',
      priority: task.priority ?? undefined,
      parentId: parentIssueId,
      projectId: task.projectId ?? issue.projectId,
      goalId: task.goalId ?? issue.goalId,
      assigneeAgentId: task.assigneeAgentId,
      assigneeUserId: task.assigneeUserId,
      billingCode: task.billingCode ?? issue.billingCode,
      requestDepth: depth,
      labelIds: known.filter((label) => wantedLabels.includes(label.name)).map((label) => label.id),
    })
    made.set(task.clientKey, { id: created.id, depth })
    createdTasks.push({
      clientKey: task.clientKey,
      issueId: created.id,
      identifier: created.identifier,
      title: task.title,
      parentIssueId,
    })
    events.push(...created.events)
  }
  return { createdTasks, skippedClientKeys: tasks.map((task) => task.clientKey).filter((key) => !selected.has(key)), events }
}

/** True when suggested tasks were accepted before with this very selection. */
export function isSameSelection(resolved: InteractionRow, selectedClientKeys: readonly string[]): boolean {
  if (resolved.kind !== 'suggest_tasks') return true
  const { createdTasks = [] } = (resolved.result ?? {}) as { createdTasks?: CreatedTask[] }
  const made = new Set(createdTasks.map((task) => task.clientKey))
  return made.size === new Set(selectedClientKeys).size && selectedClientKeys.every((key) => made.has(key))
}
