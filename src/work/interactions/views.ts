import { z } from 'zod'
import { documentKey } from '../documents/index.ts'
import { issuePriorities } from '../../model/issueStatus.ts'
import { instant } from '../../platform/kernel/time.ts'
import { continuationPolicies, interactionKinds, interactionStatus } from '../../model/interactionStatus.ts'

/** Longest text shown as markdown. */
const MARKDOWN_MAX = 50_000

const id = z.uuid().transform((value) => value.toLowerCase())
const json = z.record(z.string(), z.unknown())
const text = (max: number) => z.string().trim().min(1).max(max)
const key = text(120)

export const interactionView = z.strictObject({
  id: z.uuid(),
  companyId: z.uuid(),
  issueId: z.uuid(),
  kind: z.enum(interactionKinds),
  status: z.enum(interactionStatus.statuses),
  continuationPolicy: z.enum(continuationPolicies),
  idempotencyKey: z.string().nullable(),
  sourceCommentId: z.uuid().nullable(),
  sourceRunId: z.uuid().nullable(),
  title: z.string().nullable(),
  summary: z.string().nullable(),
  createdByAgentId: z.uuid().nullable(),
  createdByUserId: z.string().nullable(),
  resolvedByAgentId: z.uuid().nullable(),
  resolvedByUserId: z.string().nullable(),
  payload: json,
  result: json.nullable(),
  resolvedAt: instant.nullable(),
  createdAt: instant,
  updatedAt: instant,
})

const version = z.literal(1).default(1)

const taskDraft = z.object({
  clientKey: key,
  parentClientKey: key.nullish(),
  parentId: id.nullish(),
  title: text(240),
  description: z.string().max(MARKDOWN_MAX).nullish(),
  priority: z.enum(issuePriorities).nullish(),
  assigneeAgentId: id.nullish(),
  assigneeUserId: text(200).nullish(),
  projectId: id.nullish(),
  goalId: id.nullish(),
  billingCode: z.string().max(200).nullish(),
  /** Names of labels. Names without a label when the board accepts are ignored, because agents may not know the labels. */
  labels: z.array(text(48)).max(20).nullish(),
  hiddenInPreview: z.boolean().optional(),
})
export type TaskDraft = z.output<typeof taskDraft>

const indexOfDuplicate = (values: readonly string[]): number => values.findIndex((value, index) => values.indexOf(value) !== index)

/** Whether the chain of `parentClientKey` from a task leads back to the task. */
function isOwnAncestor(tasks: readonly TaskDraft[], start: TaskDraft): boolean {
  const visitedKeys = new Set<string>()
  for (let current: TaskDraft | undefined = start; current?.parentClientKey;) {
    if (visitedKeys.has(current.clientKey)) return true
    visitedKeys.add(current.clientKey)
    const { parentClientKey }: TaskDraft = current
    current = tasks.find((task) => task.clientKey === parentClientKey)
  }
  return false
}

const suggestTasks = z.object({
  version,
  defaultParentId: id.nullish(),
  tasks: z
    .array(taskDraft)
    .min(1)
    .max(50)
    .superRefine((tasks, check) => {
      const addIssue = (index: number, field: string, message: string): void => {
        check.addIssue({ code: 'custom', path: [index, field], message })
      }
      const duplicateIndex = indexOfDuplicate(tasks.map((task) => task.clientKey))
      if (duplicateIndex >= 0) addIssue(duplicateIndex, 'clientKey', 'Two tasks have this clientKey')
      for (const [index, task] of tasks.entries()) {
        if (task.assigneeAgentId && task.assigneeUserId) addIssue(index, 'assigneeUserId', 'A task can only have one assignee')
        if (!task.parentClientKey) continue
        if (task.parentId) addIssue(index, 'parentId', 'A task has either parentClientKey or parentId')
        if (!tasks.some((other) => other.clientKey === task.parentClientKey))
          addIssue(index, 'parentClientKey', 'No task has this clientKey')
        else if (isOwnAncestor(tasks, task)) addIssue(index, 'parentClientKey', 'A task cannot be its own ancestor')
      }
    }),
})
export type SuggestTasks = z.output<typeof suggestTasks>

const question = z.object({
  id: key,
  prompt: text(500),
  helpText: z.string().max(2000).nullish(),
  selectionMode: z.enum(['single', 'multi']),
  required: z.boolean().optional(),
  options: z
    .array(z.object({ id: key, label: text(200), description: z.string().max(2000).nullish() }))
    .min(1)
    .max(10)
    .refine((options) => indexOfDuplicate(options.map((option) => option.id)) < 0, 'Two options have the same id'),
})

const askUserQuestions = z.object({
  version,
  title: z.string().max(240).nullish(),
  submitLabel: z.string().max(120).nullish(),
  questions: z
    .array(question)
    .min(1)
    .max(10)
    .refine((questions) => indexOfDuplicate(questions.map((each) => each.id)) < 0, 'Two questions have the same id'),
})
export type AskUserQuestions = z.output<typeof askUserQuestions>

const target = z.discriminatedUnion('type', [
  z.object({
    type: z.literal('issue_document'),
    issueId: id.nullish(),
    documentId: id.nullish(),
    key: documentKey,
    revisionId: id,
    revisionNumber: z.int().min(1).nullish(),
  }),
  z.looseObject({ type: z.literal('custom'), key }),
])

const requestConfirmation = z.object({
  version,
  prompt: text(2000),
  acceptLabel: z.string().max(80).nullish(),
  rejectLabel: z.string().max(80).nullish(),
  rejectRequiresReason: z.boolean().optional(),
  detailsMarkdown: z.string().max(MARKDOWN_MAX).nullish(),
  supersedeOnUserComment: z.boolean().optional(),
  target: target.nullish(),
})
export type RequestConfirmation = z.output<typeof requestConfirmation>

const commonFields = {
  idempotencyKey: text(255).nullish(),
  sourceCommentId: id.nullish(),
  title: text(240).nullish(),
  summary: text(1000).nullish(),
  continuationPolicy: z.enum(continuationPolicies).optional(),
}

export const createInteractionBody = z.discriminatedUnion('kind', [
  z.object({ kind: z.literal('suggest_tasks'), ...commonFields, payload: suggestTasks }),
  z.object({ kind: z.literal('ask_user_questions'), ...commonFields, payload: askUserQuestions }),
  z.object({ kind: z.literal('request_confirmation'), ...commonFields, payload: requestConfirmation }),
])
export type CreateInteraction = z.output<typeof createInteractionBody>

export const acceptBody = z.object({ selectedClientKeys: z.array(key).min(1).max(50).optional() })
export const rejectBody = z.object({ reason: z.string().max(4000).nullish() })
export const respondBody = z.object({
  answers: z
    .array(z.object({ questionId: key, optionIds: z.array(key).max(10) }))
    .max(10)
    .refine((answers) => indexOfDuplicate(answers.map((answer) => answer.questionId)) < 0, 'Two answers to one question'),
  summaryMarkdown: z.string().max(MARKDOWN_MAX).nullish(),
})
export type Respond = z.output<typeof respondBody>
