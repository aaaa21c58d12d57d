// The thread of an issue: what several lists say, in one order, oldest first.

import type { Activity, Comment, Interaction, IssueRun } from '../../../api/types.ts'

export type ThreadItem =
  | { readonly kind: 'comment'; readonly at: string; readonly id: string; readonly comment: Comment }
  | { readonly kind: 'event'; readonly at: string; readonly id: string; readonly row: Activity }
  | { readonly kind: 'run'; readonly at: string; readonly id: string; readonly run: IssueRun }
  | { readonly kind: 'question'; readonly at: string; readonly id: string; readonly question: Interaction }

/** A list that is read newest first, page by page. */
interface NewestFirst<T> {
  readonly rows: readonly T[]
  readonly hasMore: boolean
}

export interface ThreadLists {
  readonly comments: NewestFirst<Comment>
  readonly activity: NewestFirst<Activity>
  readonly runs: NewestFirst<IssueRun>
  /** Read whole. */
  readonly questions: readonly Interaction[]
}

/** Audit rows that say what the thread shows itself, or that concern one person's inbox. */
const shownOtherwise: ReadonlySet<string> = new Set([
  'issue.comment_added',
  'issue.thread_interaction_created',
  'issue.read_marked',
  'issue.read_unmarked',
  'issue.inbox_archived',
  'issue.inbox_unarchived',
])

export interface Thread {
  readonly items: readonly ThreadItem[]
  /** Since when the thread is complete; null when it is whole. */
  readonly from: string | null
}

const oldestOf = ({ rows, hasMore }: NewestFirst<{ readonly createdAt: string }>): string | null =>
  hasMore ? (rows.at(-1)?.createdAt ?? null) : null

/** Lists whose older rows are not read yet, with the time of their oldest row. */
export function openLists(lists: ThreadLists): readonly { readonly name: 'comments' | 'activity' | 'runs'; readonly from: string }[] {
  return (['comments', 'activity', 'runs'] as const).flatMap((name) => {
    const from = oldestOf(lists[name])
    return from === null ? [] : [{ name, from }]
  })
}

/** Merges the lists. Rows from before the oldest read row of a list are left out, so that the thread never has a gap. */
export function mergeThread(lists: ThreadLists): Thread {
  const from = openLists(lists).reduce<string | null>((latest, list) => (latest === null || list.from > latest ? list.from : latest), null)
  const items: ThreadItem[] = [
    ...lists.comments.rows.map((comment): ThreadItem => ({ kind: 'comment', at: comment.createdAt, id: comment.id, comment })),
    ...lists.activity.rows
      .filter(({ action }) => !shownOtherwise.has(action))
      .map((row): ThreadItem => ({ kind: 'event', at: row.createdAt, id: row.id, row })),
    ...lists.runs.rows.map((run): ThreadItem => ({ kind: 'run', at: run.createdAt, id: run.runId, run })),
    ...lists.questions.map((question): ThreadItem => ({ kind: 'question', at: question.createdAt, id: question.id, question })),
  ]
  const shown = items.filter(({ at }) => from === null || at >= from)
  // Rows of one transaction have one time; audit rows know their order, and come after what they tell of.
  return { items: shown.toSorted(compare), from }
}

const rank = { question: 0, comment: 1, run: 2, event: 3 } as const

function compare(one: ThreadItem, other: ThreadItem): number {
  if (one.at !== other.at) return one.at < other.at ? -1 : 1
  if (one.kind === 'event' && other.kind === 'event') return one.row.seq - other.row.seq
  return rank[one.kind] - rank[other.kind] || (one.id < other.id ? -1 : 1)
}
