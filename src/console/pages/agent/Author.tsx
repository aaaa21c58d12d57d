import type { ReactNode } from 'react'
import type { AgentRevision } from '../../api/types.ts'
import { useNames } from '../activity/names.ts'

const NONE: readonly never[] = []

/** The author of a revision: an agent, a person, or the server. */
export function Author({ revision }: { readonly revision: AgentRevision }): ReactNode {
  const nameOf = useNames(NONE)
  const { createdByAgentId, createdByUserId } = revision
  if (createdByAgentId !== null) return nameOf({ kind: 'agent', id: createdByAgentId }) ?? `Agent ${createdByAgentId.slice(0, 8)}`
  if (createdByUserId === null) return 'The server'
  return createdByUserId === 'local-board' ? 'The local board' : (nameOf({ kind: 'person', id: createdByUserId }) ?? 'A person')
}
