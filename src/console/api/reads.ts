import { hashKey, useMutation, useQueries, useQuery, useQueryClient } from '@tanstack/react-query'
import type { QueryClient, QueryKey, UseQueryResult } from '@tanstack/react-query'
import { inBackground } from './background.ts'
import { request } from './client.ts'
import { requestAllowed } from './ownRole.ts'
import type { Answer, ApiProblem, Query } from './client.ts'

/**
 * The name of a read in the cache: the noun that events name, the company, and its difference from other reads of the noun.
 * `stream/invalidation.ts` looks at the noun, and at ids anywhere in the key.
 */
export type ReadKey = readonly [noun: string, companyId: string | null, ...rest: readonly unknown[]]

/**
 * While a list with another filter is read, the one before stays. A row never stays: its acts would be done to another row than the one in
 * the address.
 */
const keepSameRead =
  (key: ReadKey) =>
  <T>(before: T | undefined, query: { readonly queryKey: QueryKey } | undefined): T | undefined =>
    key.every((part, at) => query?.queryKey[at] === part) ? before : undefined

export interface ReadOptions<T> {
  readonly query?: Query
  readonly isEnabled?: boolean
  /** How often it is read again while the page is looked at, for what changes without an event, such as a lease. Null is never. */
  readonly everyMs?: number | ((row: T | undefined) => number | null)
}

/** Reads one row or one whole list. The entity tag comes with it. */
export function useRead<T>(key: ReadKey, path: string, options: ReadOptions<T> = {}): UseQueryResult<Answer<T>, ApiProblem> {
  const { query = {}, isEnabled = true, everyMs } = options
  return useQuery<Answer<T>, ApiProblem>({
    queryKey: [...key, query],
    queryFn: ({ client, signal }) => requestAllowed<T>(client, key[1], path, { query, signal }),
    enabled: isEnabled,
    refetchInterval: ({ state }) => (typeof everyMs === 'function' ? everyMs(state.data?.data) : everyMs) ?? false,
    placeholderData: keepSameRead(key),
  })
}

/** Reads several rows, each as `useRead` does. Those that are not there yet, or not any more, are left out. */
export function useReads<T>(reads: readonly { readonly key: ReadKey; readonly path: string }[]): readonly T[] {
  const results = useQueries({
    queries: reads.map(({ key, path }) => ({
      queryKey: [...key, {}],
      queryFn: ({ signal }: { readonly signal: AbortSignal }) => request<T>('GET', path, { signal }),
    })),
  })
  return results.flatMap(({ data }) => (data === undefined ? [] : [data.data]))
}

/** Rows that come page by page. */
export interface RowsRead<T> {
  readonly rows: readonly T[]
  readonly isLoading: boolean
  readonly problem: ApiProblem | null
  readonly hasMore: boolean
  readonly isLoadingMore: boolean
  readonly loadMore: () => void
}

/** The rows of one list. */
export interface PagesRead<T> extends RowsRead<T> {
  /** The rows are those of the list before, until this one has come. */
  readonly isPrevious: boolean
  /** Reads on to the end of the list. @param most rows at which it stops */
  readonly loadAll: (most: number) => Promise<readonly T[]>
  /** Reads again after a problem. */
  readonly retry: () => void
}

/** A list as far as it has been read. */
export interface ReadRows<T> {
  readonly rows: readonly T[]
  /** The cursor behind the last row; null at the end of the list. */
  readonly next: string | null
}

interface List {
  readonly queries: QueryClient
  readonly companyId: string | null
  readonly path: string
  readonly query: Query
  readonly signal?: AbortSignal
}

/** The most rows of one request when a list is read again, so that a long one takes few requests and each of them little time. */
const ROWS_AT_ONCE = 500

const idOf = (row: unknown): unknown => (row as { readonly id?: unknown } | null)?.id

/** Rows without those that are in the list already: a row that moves while a list is read comes twice. */
function withMore<T>(rows: readonly T[], more: readonly T[]): T[] {
  const known = new Set(rows.map(idOf))
  return [...rows, ...more.filter((row) => idOf(row) === undefined || !known.has(idOf(row)))]
}

/** Reads a list until it has as many rows as are wanted, or is at its end. */
async function readRows<T>({ queries, companyId, path, query, signal }: List, wanted: () => number): Promise<ReadRows<T>> {
  let rows: readonly T[] = []
  let next: string | null = null
  do {
    const limit = Math.max(1, Math.min(ROWS_AT_ONCE, wanted() - rows.length))
    const options = { query: { ...query, limit, after: next }, ...(signal === undefined ? {} : { signal }) }
    const page: Answer<T[]> = await requestAllowed<T[]>(queries, companyId, path, options)
    rows = withMore(rows, page.data)
    next = page.next
  } while (next !== null && rows.length < wanted())
  return { rows, next }
}

const noRows: readonly never[] = []

/**
 * Reads a list by its cursor, `limit` rows at a time. All pages that have been read are one read: when it becomes old, the same number of rows is read
 * again, in few requests. Rows are not compared with those before, because that takes longer than a frame for ten thousand of them.
 * @param given null reads nothing
 */
export function usePages<T>(key: ReadKey, path: string, given: Query | null = {}, limit = 100): PagesRead<T> {
  const queries = useQueryClient()
  const query = given ?? {}
  const list = { queries, companyId: key[1], path, query }
  const queryKey = [...key, given, 'pages']
  const present = (): ReadRows<T> | undefined => queries.getQueryData(queryKey)
  const read = useQuery<ReadRows<T>, ApiProblem>({
    queryKey,
    queryFn: ({ signal }) => readRows<T>({ ...list, signal }, () => Math.max(limit, present()?.rows.length ?? 0)),
    enabled: given !== null,
    placeholderData: keepSameRead(key),
    structuralSharing: false,
  })
  const more = useMutation<void, ApiProblem, { readonly hash: string; readonly after: string }>({
    mutationFn: async ({ after }) => {
      const page = await request<T[]>('GET', path, { query: { ...query, limit, after } })
      // The list may have been read again meanwhile, and its pages may end elsewhere now.
      queries.setQueryData<ReadRows<T>>(queryKey, (now) =>
        now?.next === after ? { rows: withMore(now.rows, page.data), next: page.next } : now,
      )
    },
  })
  const hash = hashKey(queryKey)
  const isOfList = more.variables?.hash === hash
  // After a problem the reader decides: the end of the list stays in sight, and would ask without an end.
  const mayLoad = !isOfList || (!more.isPending && !more.isError)
  const { data, isLoading, isPlaceholderData, error } = read
  const next = isPlaceholderData || given === null ? null : (data?.next ?? null)
  return {
    rows: given === null ? noRows : (data?.rows ?? noRows),
    isLoading,
    isPrevious: isPlaceholderData,
    problem: error ?? (isOfList ? more.error : null),
    hasMore: next !== null,
    isLoadingMore: isOfList && more.isPending,
    loadMore: () => {
      if (next !== null && mayLoad) more.mutate({ hash, after: next })
    },
    loadAll: async (most) => {
      const all = await readRows<T>(list, () => most)
      queries.setQueryData<ReadRows<T>>(queryKey, all)
      return all.rows
    },
    retry: () => {
      more.reset()
      inBackground(read.refetch())
    },
  }
}

/**
 * Puts fields of a row into every list that shows it, before the lists are read again.
 * @param key the beginning of the keys of those lists
 */
export function replaceRow(queries: QueryClient, key: readonly [noun: string, companyId: string], row: { readonly id: string }): void {
  queries.setQueriesData<ReadRows<{ readonly id: string }>>(
    { queryKey: key, predicate: ({ queryKey }) => queryKey.at(-1) === 'pages' },
    (list) =>
      list?.rows.some(({ id }) => id === row.id) === true
        ? { ...list, rows: list.rows.map((one) => (one.id === row.id ? { ...one, ...row } : one)) }
        : list,
  )
}
