import type { ReactNode } from 'react'
import { useRead } from '../api/reads.ts'
import type { Activity } from '../api/types.ts'
import { useCompany } from '../frame/company.tsx'
import { useNames } from '../pages/activity/names.ts'
import { Sentence } from '../pages/activity/Sentence.tsx'
import { isConsequence } from '../pages/activity/sentences.ts'
import { Time } from '../parts/Time.tsx'

const none: readonly Activity[] = []

interface ChangedByProps {
  readonly entityType: string
  readonly entityId: string
}

/** So many rows are read, because the server writes further ones in consequence of a change. */
const ROWS = 10

/** The newest change of a row, as the audit log has it: said to a person whose own change was refused because of it. */
export function ChangedBy({ entityType, entityId }: ChangedByProps): ReactNode {
  const { id } = useCompany()
  const rows =
    useRead<Activity[]>(['activity', id, 'newest', entityId], `/companies/${id}/activity`, { query: { entityType, entityId, limit: ROWS } })
      .data?.data ?? none
  const nameOf = useNames(rows)
  const newest = rows.find((row) => !isConsequence(row))
  if (newest === undefined) return null
  return (
    <p>
      <Sentence row={newest} nameOf={nameOf} />, <Time at={newest.createdAt} />.
    </p>
  )
}
