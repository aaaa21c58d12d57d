import { sql } from 'drizzle-orm'
import type { Ctx, Tx } from '../../platform/db/types.ts'
import { companyOf } from '../../platform/db/context.ts'
import { labels } from '../../model/issues.ts'
import { param, statement } from '../../platform/db/statement.ts'
import type { LockedIssue } from '../../engine/holds/index.ts'
import { issueNumbersInside } from '../../org/companies/index.ts'
import { insertIssue } from '../issues/index.ts'
import { exactlyOne } from '../../platform/kernel/exactlyOne.ts'
import { refuse } from '../../platform/kernel/errors.ts'
import type { DomainEvent } from '../../platform/kernel/event.ts'
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

/** The selected tasks, each after its parent. @throws Refusal `unprocessable` for an unknown task or a missing parent */
function orderParentsFirst(tasks: readonly TaskDraft[], selected: ReadonlySet<string>): TaskDraft[] {
  const unknownKeys = [...selected].filter((key) => !tasks.some((task) => task.clientKey === key))
  if (unknownKeys.length > 0)
    refuse('unprocessable', { message: 'A selected task was not suggested', details: { clientKeys: unknownKeys } })
  const selectedTasks = tasks.filter((task) => selected.has(task.clientKey))
  const taskWithoutParent = selectedTasks.find((task) => task.parentClientKey && !selected.has(task.parentClientKey))
  if (taskWithoutParent !== undefined) {
    refuse('unprocessable', {
      message: 'A selected task needs its parent selected',
      details: { clientKeys: [taskWithoutParent.clientKey] },
    })
  }
  const ordered: TaskDraft[] = []
  const isOrdered = (key: string): boolean => ordered.some((task) => task.clientKey === key)
  // Interactions with cycles are refused at creation, so every iteration orders at least one task.
  while (ordered.length < selectedTasks.length) {
    const readyTasks = selectedTasks.filter(
      (task) => !isOrdered(task.clientKey) && (!task.parentClientKey || isOrdered(task.parentClientKey)),
    )
    if (readyTasks.length === 0) refuse('unprocessable', { message: 'A task cannot be its own ancestor' })
    ordered.push(...readyTasks)
  }
  return ordered
}

const selectLabelsByName = statement<{ companyId: string; names: string[] }, { id: string; name: string }>('interaction_task_labels')
  .read(sql`
  select id, lower(name) as name from ${labels} where company_id = ${param('companyId')} and lower(name) = any(${param('names', 'text[]')})`)

/** Suggested tasks of which some or all are created. */
interface TaskSelection extends SuggestTasks {
  /** The tasks to create; undefined for all of them. */
  readonly selectedClientKeys: readonly string[] | undefined
}

/** (tx) The labels that tasks name, with their names in lower case. Names without a label are left out. */
async function labelsOf(tx: Tx, ctx: Ctx, tasks: readonly TaskDraft[]): Promise<readonly { id: string; name: string }[]> {
  const names = [...new Set(tasks.flatMap((task) => task.labels ?? []).map((name) => name.toLowerCase()))]
  return names.length === 0 ? [] : await tx.run(selectLabelsByName, { companyId: companyOf(ctx), names })
}

/**
 * (tx) Creates suggested tasks as issues below the issue of the suggestion, or below each other. Expects the company's row lock.
 * @throws Refusal `unprocessable` for the selection; as `insertIssue` for the references of a task
 */
export async function createTasks(tx: Tx, ctx: Ctx, issue: LockedIssue, selection: TaskSelection): Promise<CreatedTasks> {
  const { tasks, defaultParentId, selectedClientKeys } = selection
  const selected = new Set(selectedClientKeys ?? tasks.map((task) => task.clientKey))
  const labelRows = await labelsOf(tx, ctx, tasks)
  const createdByKey = new Map<string, { id: string; depth: number }>()
  const createdTasks: CreatedTask[] = []
  const events: DomainEvent[] = []
  const ordered = orderParentsFirst(tasks, selected)
  const numbers = await issueNumbersInside(tx, companyOf(ctx), ordered.length)
  for (const [at, task] of ordered.entries()) {
    const parent = task.parentClientKey ? createdByKey.get(task.parentClientKey) : undefined
    const parentIssueId = parent?.id ?? task.parentId ?? defaultParentId ?? issue.id
    const depth = (parent?.depth ?? issue.requestDepth) + 1
    const wantedLabels = (task.labels ?? []).map((name) => name.toLowerCase())
    const fields = {
      title: task.title,
      description: task.description,
      status: 'todo' as const,
      priority: task.priority ?? undefined,
      parentId: parentIssueId,
      projectId: task.projectId ?? issue.projectId,
      goalId: task.goalId ?? issue.goalId,
      assigneeAgentId: task.assigneeAgentId,
      assigneeUserId: task.assigneeUserId,
      billingCode: task.billingCode ?? issue.billingCode,
      requestDepth: depth,
      labelIds: labelRows.filter((label) => wantedLabels.includes(label.name)).map((label) => label.id),
    }
    const created = await insertIssue(tx, ctx, fields, exactlyOne(numbers.slice(at, at + 1)))
    createdByKey.set(task.clientKey, { id: created.id, depth })
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

/** Whether suggested tasks were accepted with exactly this selection. */
export function isSameSelection(resolved: InteractionRow, selectedClientKeys: readonly string[]): boolean {
  if (resolved.kind !== 'suggest_tasks') return true
  const { createdTasks = [] } = (resolved.result ?? {}) as { createdTasks?: CreatedTask[] }
  const createdKeys = new Set(createdTasks.map((task) => task.clientKey))
  return createdKeys.size === new Set(selectedClientKeys).size && selectedClientKeys.every((key) => createdKeys.has(key))
}
