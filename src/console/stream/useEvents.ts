import { useQueryClient } from '@tanstack/react-query'
import { useEffect, useState } from 'react'
import { createFreshener } from '../api/freshness.ts'
import { followEvents } from './eventFeed.ts'
import type { FeedStatus } from './eventFeed.ts'
import { changedBy, isChanged } from './invalidation.ts'

/** Keeps the reads of a company fresh by its event stream. @returns the state of the stream */
export function useEvents(companyId: string | null): FeedStatus {
  const queries = useQueryClient()
  const [status, setStatus] = useState<FeedStatus>({ state: 'connecting', since: null })
  useEffect(() => {
    if (companyId === null) return
    const freshen = createFreshener(queries)
    return followEvents({
      companyId,
      onStatus: setStatus,
      onResync: () => queries.getQueryCache().getAll().forEach(freshen),
      onEvents: (events) => {
        const changed = changedBy(events)
        queries
          .getQueryCache()
          .findAll({ predicate: (query) => isChanged(query, changed) })
          .forEach(freshen)
      },
    })
  }, [companyId, queries])
  return status
}
