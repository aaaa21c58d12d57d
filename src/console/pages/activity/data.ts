import { useEffect, useState } from 'react'
import { request, requestLines } from '../../api/client.ts'
import type { ApiProblem, Query } from '../../api/client.ts'
import { usePages, useRead } from '../../api/reads.ts'
import type { Activity, AuditExportLine, Verification } from '../../api/types.ts'
import type { Filter } from './filters.ts'

const PAGE = 100

export interface ActivityRead {
  readonly rows: readonly Activity[]
  /** How many rows of the newest ones are not shown, because the reader is in the list. */
  readonly waiting: number
  readonly isLoading: boolean
  readonly isLoadingMore: boolean
  readonly hasMore: boolean
  readonly problem: ApiProblem | null
  readonly loadMore: () => void
}

/**
 * The rows of a filter, newest first. A row of the log never changes, so an event reads only the newest page again, however long the list
 * has become.
 * @param isHeld whether rows that come in wait, so that nothing moves under the pointer
 */
export function useActivity(companyId: string, { query, preset }: Filter, isHeld: boolean): ActivityRead {
  const path = `/companies/${companyId}/activity`
  const [round, setRound] = useState(0)
  const older = usePages<Activity>(['activityPages', companyId, round], path, query, PAGE)
  const newest = useRead<Activity[]>(['activity', companyId, 'newest'], path, { query: { ...query, limit: PAGE } })
  const first = older.rows[0]?.seq ?? 0
  const ahead = older.isLoading ? [] : (newest.data?.data ?? []).filter(({ seq }) => seq > first)
  const all = [...ahead, ...older.rows].filter((row) => preset.has?.(row) ?? true)
  const newestSeq = all[0]?.seq ?? 0
  const [held, setHeld] = useState<number | null>(null)
  useEffect(() => setHeld((before) => (isHeld ? (before ?? newestSeq) : null)), [isHeld, newestSeq])
  const isGap = first > 0 && ahead.length >= PAGE
  // More rows came than a page has: those between are in neither read.
  useEffect(() => {
    if (isGap) setRound((before) => before + 1)
  }, [isGap])
  const rows = held === null || !isHeld ? all : all.filter(({ seq }) => seq <= held)
  return {
    rows,
    waiting: all.length - rows.length,
    isLoading: older.isLoading,
    isLoadingMore: older.isLoadingMore,
    hasMore: older.hasMore,
    problem: older.problem ?? newest.error,
    loadMore: older.loadMore,
  }
}

/** One row, found by its id and its time. */
export async function readRow(companyId: string, id: string, at: string): Promise<Activity | null> {
  const until = new Date(Date.parse(at) + 1).toISOString()
  const { data } = await request<Activity[]>('GET', `/companies/${companyId}/activity`, { query: { since: at, until, limit: 1000 } })
  return data.find((row) => row.id === id) ?? null
}

/** Rows of one page of a file; the most that an answer has. */
const FILE_PAGE = 1000
/** A longer file is no use in a table program. */
export const MAX_FILE_ROWS = 100_000

/** Every row of a filter, for a file. @param onProgress hears of how many there are already */
export async function readAll(companyId: string, { query, preset }: Filter, onProgress: (rows: number) => void): Promise<Activity[]> {
  const rows: Activity[] = []
  let after: string | null = null
  do {
    const page: Awaited<ReturnType<typeof request<Activity[]>>> = await request<Activity[]>('GET', `/companies/${companyId}/activity`, {
      query: { ...query, limit: FILE_PAGE, after } satisfies Query,
    })
    rows.push(...page.data.filter((row) => preset.has?.(row) ?? true))
    after = page.next
    onProgress(rows.length)
  } while (after !== null && rows.length < MAX_FILE_ROWS)
  return rows
}

export type SignedHead = NonNullable<AuditExportLine['head']> & { readonly publicKey: string }

export interface Checked {
  readonly verification: Verification
  /** Null when the server could not sign it. */
  readonly head: SignedHead | null
}

/** Computes the chain of a company again, and asks for its signed end. */
export async function verify(companyId: string): Promise<Checked> {
  const base = `/companies/${companyId}/activity`
  const { data: verification } = await request<Verification>('GET', `${base}/verify`)
  // Behind the last row the export has nothing but the head.
  const lines = await requestLines<AuditExportLine>(`${base}/export`, { from: verification.head.position + 1 })
  const { head, publicKey = '' } = lines.at(-1) ?? {}
  return { verification, head: head === undefined ? null : { ...head, publicKey } }
}
