import { useEffect, useMemo, useRef } from 'react'
import type { ReactNode } from 'react'
import type { IssueDetail } from '../../../api/types.ts'
import { Empty, Skeleton } from '../../../parts/Empty.tsx'
import { Problem } from '../../../parts/Problem.tsx'
import { Time } from '../../../parts/Time.tsx'
import { usePlace } from '../../../router/location.ts'
import { useNames } from '../../activity/names.ts'
import { Sentence } from '../../activity/Sentence.tsx'
import type { NameOf } from '../../activity/sentences.ts'
import { useActivity, useComments, useInteractions, useRuns } from '../data.ts'
import { Question } from '../questions/Question.tsx'
import { CommentCard } from './CommentCard.tsx'
import { mergeThread, openLists } from './merge.ts'
import type { ThreadItem } from './merge.ts'
import { RunItem } from './RunItem.tsx'
import { useThreadKeys } from './useThreadKeys.ts'

/** Comments, changes, runs and questions of an issue in one order, the newest at the end. */
export function ThreadSection({ issue }: { readonly issue: IssueDetail }): ReactNode {
  const comments = useComments(issue.id)
  const activity = useActivity(issue.id)
  const runs = useRuns(issue.id)
  const interactions = useInteractions(issue.id)
  const reads = { comments, activity, runs }
  const lists = { ...reads, questions: interactions.rows }
  const { items, from } = mergeThread(lists)
  const all = [comments, activity, runs, interactions]
  const problem = all.find((read) => read.problem !== null)?.problem ?? null
  const isLoading = all.some((read) => read.isLoading)
  const loadEarlier = (): void => {
    // The list that ends the thread, and those that end near it, so that one click shows more.
    for (const { name } of openLists(lists)) reads[name].loadMore()
  }
  return (
    <section className="thread" aria-label="Thread">
      <h2>Thread</h2>
      {problem !== null && <Problem problem={problem} />}
      {from !== null && (
        <button type="button" className="secondary" disabled={all.some((read) => read.isLoadingMore)} onClick={loadEarlier}>
          Show what was before
        </button>
      )}
      {isLoading ? <Skeleton lines={4} /> : <Items items={items} />}
      {!isLoading && items.length === 0 && <Empty title="Nothing has happened yet." />}
    </section>
  )
}

/** The comment that the address names is brought into sight once. */
function useNamedComment(items: readonly ThreadItem[]): string | null {
  const named = usePlace().query.get('comment')
  const shown = useRef<string | null>(null)
  const isHere = items.some(({ id }) => id === named)
  useEffect(() => {
    if (named === null || !isHere || shown.current === named) return
    shown.current = named
    document.querySelector(`#comment-${CSS.escape(named)}`)?.scrollIntoView({ block: 'center' })
  }, [named, isHere])
  return named
}

function Items({ items }: { readonly items: readonly ThreadItem[] }): ReactNode {
  const rows = items.flatMap((item) => (item.kind === 'event' ? [item.row] : []))
  const rowIds = rows.map(({ id }) => id).join(' ')
  // The names are looked up anew when other rows are shown, and not at every rendering.
  // oxlint-disable-next-line react/exhaustive-deps
  const nameOf = useNames(useMemo(() => rows, [rowIds]))
  const named = useNamedComment(items)
  const list = useThreadKeys()
  return (
    <ol ref={list}>
      {items.map((item) => (
        <li key={`${item.kind} ${item.id}`} tabIndex={-1} className={`${item.kind}${item.id === named ? ' named' : ''}`}>
          <Item item={item} nameOf={nameOf} />
        </li>
      ))}
    </ol>
  )
}

function Item({ item, nameOf }: { readonly item: ThreadItem; readonly nameOf: NameOf }): ReactNode {
  switch (item.kind) {
    case 'comment':
      return <CommentCard comment={item.comment} />
    case 'run':
      return <RunItem run={item.run} />
    case 'question':
      return <Question interaction={item.question} />
    case 'event':
      return (
        <>
          <Sentence row={item.row} nameOf={nameOf} />{' '}
          <span className="soft">
            <Time at={item.at} />
          </span>
        </>
      )
  }
}
