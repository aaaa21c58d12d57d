import type { ReactNode } from 'react'
import { useRead } from '../api/reads.ts'
import type { Activity, Agent } from '../api/types.ts'
import { Time } from '../parts/Time.tsx'
import { actorWords } from './actorWords.ts'

interface ChangedByProps {
  readonly companyId: string
  readonly entityType: string
  readonly entityId: string
}

/** Who made the newest change of a row, as the audit log has it: said to a person whose own change was refused because of it. */
export function ChangedBy({ companyId, entityType, entityId }: ChangedByProps): ReactNode {
  const read = useRead<Activity[]>(['activity', companyId, 'newest', entityId], `/companies/${companyId}/activity`, {
    query: { entityType, entityId, limit: 1 },
  })
  const agents = useRead<Agent[]>(['agents', companyId], `/companies/${companyId}/agents`, { query: { limit: 1000 } }).data?.data ?? []
  const newest = read.data?.data[0]
  if (newest === undefined) return null
  return (
    <p>
      The newest change is by <strong>{actorWords(newest, agents)}</strong>, <Time at={newest.createdAt} />.
    </p>
  )
}
