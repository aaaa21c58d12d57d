// Names of agents and people by their ids.

import { useRead } from '../api/reads.ts'
import type { Agent, Member } from '../api/types.ts'
import { useCompany } from '../frame/company.tsx'
import { everyAgent } from '../pages/activity/names.ts'

export interface Names {
  /** An agent that is not known has the first part of its id. */
  readonly agent: (agentId: string) => string
  /** The party behind an audit row. */
  readonly actor: (row: { readonly actorType: string; readonly actorId: string; readonly agentId?: string | null }) => string
}

/** Names of the agents and people of the company. Where the caller may not read the people, their ids are shown. */
export function useNames(): Names {
  const { id } = useCompany()
  const agents = useRead<Agent[]>(['agents', id, 'names'], `/companies/${id}/agents`, { query: everyAgent }).data?.data
  const members = useRead<Member[]>(['members', id, 'names'], `/companies/${id}/members`, { query: { limit: 1000 } }).data?.data
  const agentNames = new Map(agents?.map((row) => [row.id, row.name]))
  const people = new Map(members?.map(({ principalId, user }) => [principalId, user?.name ?? null]))
  const agent = (agentId: string): string => agentNames.get(agentId) ?? `agent ${agentId.slice(0, 8)}`
  return {
    agent,
    actor({ actorType, actorId }) {
      if (actorType === 'agent') return agent(actorId)
      if (actorType === 'system') return 'the server'
      return people.get(actorId) ?? (actorId === 'local-board' ? 'the local board' : actorId)
    },
  }
}
