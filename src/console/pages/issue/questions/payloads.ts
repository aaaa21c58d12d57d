// The content of questions, by kind. The server has checked it when the question was asked.

import type { Interaction } from '../../../api/types.ts'
import type { AskUserQuestions, RequestConfirmation, SuggestTasks } from '../../../../work/interactions/views.ts'

export const confirmationOf = ({ payload }: Interaction): RequestConfirmation => payload as unknown as RequestConfirmation
export const questionsOf = ({ payload }: Interaction): AskUserQuestions => payload as unknown as AskUserQuestions
export const suggestionOf = ({ payload }: Interaction): SuggestTasks => payload as unknown as SuggestTasks

export type Task = SuggestTasks['tasks'][number]
export type AskedQuestion = AskUserQuestions['questions'][number]

/** Tasks in the order of their tree, each with its depth. */
export function taskTree(tasks: readonly Task[]): readonly { readonly task: Task; readonly depth: number }[] {
  const below = (parent: string | null, depth: number): { readonly task: Task; readonly depth: number }[] =>
    tasks
      .filter(({ parentClientKey }) => (parentClientKey ?? null) === parent)
      .flatMap((task) => [{ task, depth }, ...below(task.clientKey, depth + 1)])
  return below(null, 0)
}

/** The selection after a task is ticked, or not: a task needs its parent, and falls with it. */
export function withTask(tasks: readonly Task[], selected: ReadonlySet<string>, key: string): ReadonlySet<string> {
  const next = new Set(selected)
  if (next.has(key)) {
    const drop = (dropped: string): void => {
      next.delete(dropped)
      for (const task of tasks) if (task.parentClientKey === dropped && next.has(task.clientKey)) drop(task.clientKey)
    }
    drop(key)
    return next
  }
  for (let at: string | null | undefined = key; at !== null && at !== undefined && !next.has(at);) {
    next.add(at)
    const added: string = at
    at = tasks.find(({ clientKey }) => clientKey === added)?.parentClientKey
  }
  return next
}

/** The answer to a question. */
export interface Result {
  readonly reason?: string | null
  readonly answers?: readonly { readonly questionId: string; readonly optionIds: readonly string[] }[]
  readonly summaryMarkdown?: string | null
  readonly createdTasks?: readonly { readonly issueId: string; readonly identifier: string; readonly title: string }[]
  readonly skippedClientKeys?: readonly string[]
}

export const resultOf = ({ result }: Interaction): Result => (result ?? {}) as Result
