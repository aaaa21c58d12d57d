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
    const cache = queries.getQueryCache()
    return followEvents({
      companyId,
      onStatus: (next) => {
        setStatus(next)
        // Reads that failed while the server was away have no event that names them.
        if (next.state === 'live') cache.findAll({ predicate: ({ state }) => state.status === 'error' }).forEach(freshen)
      },
      onResync: () => cache.getAll().forEach(freshen),
      onEvents: (events) => {
        const changed = changedBy(events)
        cache.findAll({ predicate: (query) => isChanged(query, changed) }).forEach(freshen)
      },
    })
  }, [companyId, queries])
  return status
}
