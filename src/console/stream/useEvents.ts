import { useQueryClient } from '@tanstack/react-query'
import { useEffect, useState } from 'react'
import { inBackground } from '../api/background.ts'
import { followEvents } from './eventFeed.ts'
import type { FeedStatus } from './eventFeed.ts'
import { changedBy, isChanged } from './invalidation.ts'

/** Keeps the reads of a company fresh by its event stream. @returns the state of the stream */
export function useEvents(companyId: string | null): FeedStatus {
  const queries = useQueryClient()
  const [status, setStatus] = useState<FeedStatus>({ state: 'connecting', since: null })
  useEffect(() => {
    if (companyId === null) return
    return followEvents({
      companyId,
      onStatus: setStatus,
      onResync: () => inBackground(queries.invalidateQueries()),
      onEvents: (events) => {
        const changed = changedBy(events)
        inBackground(queries.invalidateQueries({ predicate: (query) => isChanged(query, changed) }))
      },
    })
  }, [companyId, queries])
  return status
}
