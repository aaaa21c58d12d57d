import { useInfiniteQuery, useQuery } from '@tanstack/react-query'
import type { QueryKey, UseQueryResult } from '@tanstack/react-query'
import { inBackground } from './background.ts'
import { request } from './client.ts'
import type { Answer, ApiProblem, Query } from './client.ts'

/**
 * The name of a read in the cache: the noun that events name, the company, and what tells it from other reads of the noun.
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

export interface ReadOptions {
  readonly query?: Query
  readonly isEnabled?: boolean
  /** Reads again so often while the page is looked at, for what changes without an event: leases and exit codes. */
  readonly everyMs?: number | undefined
}

/** Reads one row or one whole list. The entity tag comes with it. */
export function useRead<T>(key: ReadKey, path: string, options: ReadOptions = {}): UseQueryResult<Answer<T>, ApiProblem> {
  const { query = {}, isEnabled = true, everyMs } = options
  return useQuery<Answer<T>, ApiProblem>({
    queryKey: [...key, query],
    queryFn: ({ signal }) => request<T>('GET', path, { query, signal }),
    enabled: isEnabled,
    refetchInterval: everyMs ?? false,
    placeholderData: keepSameRead(key),
  })
}

/** Rows of a list that come page by page. */
export interface PagesRead<T> {
  readonly rows: readonly T[]
  readonly isLoading: boolean
  readonly problem: ApiProblem | null
  readonly hasMore: boolean
  readonly isLoadingMore: boolean
  readonly loadMore: () => void
}

/** Reads a list by its cursor, `limit` rows at a time. @param query null reads nothing */
export function usePages<T>(key: ReadKey, path: string, query: Query | null = {}, limit = 100): PagesRead<T> {
  const read = useInfiniteQuery<Answer<T[]>, ApiProblem, { pages: Answer<T[]>[] }, readonly unknown[], string | null>({
    queryKey: [...key, query, 'pages'],
    queryFn: ({ signal, pageParam }) => request<T[]>('GET', path, { query: { ...query, limit, after: pageParam }, signal }),
    enabled: query !== null,
    initialPageParam: null,
    getNextPageParam: ({ next }) => next,
    placeholderData: keepSameRead(key),
  })
  const { data, isLoading, error, hasNextPage, isFetchingNextPage, fetchNextPage } = read
  return {
    rows: query === null ? [] : (data?.pages.flatMap((page) => page.data) ?? []),
    isLoading,
    problem: error,
    hasMore: query !== null && hasNextPage,
    isLoadingMore: isFetchingNextPage,
    loadMore: () => {
      if (hasNextPage && !isFetchingNextPage) inBackground(fetchNextPage())
    },
  }
}
