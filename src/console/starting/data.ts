// The reads and acts of a company that begins: its first agent, its first issue, its first run.

import type { UseMutationResult } from '@tanstack/react-query'
import { useAct } from '../api/acts.ts'
import { request } from '../api/client.ts'
import type { ApiProblem } from '../api/client.ts'
import { useRead } from '../api/reads.ts'
import type { Agent, CreatedKey, Issue, ListedIssue, Run } from '../api/types.ts'

/** How far a company has come. */
export interface Beginning {
  readonly isLoading: boolean
  readonly agent: Agent | null
  readonly hasIssue: boolean
  readonly run: Run | null
}

/** Reads the first agent that can work, whether there is an issue, and the newest run. */
export function useBeginning(companyId: string): Beginning {
  const below = `/companies/${companyId}`
  const agents = useRead<Agent[]>(['agents', companyId], `${below}/agents`, { query: { limit: 1000 } })
  const issues = useRead<ListedIssue[]>(['issues', companyId, 'first'], `${below}/issues`, { query: { limit: 1 } })
  const runs = useRead<Run[]>(['runs', companyId, 'first'], `${below}/heartbeat-runs`, { query: { limit: 1 } })
  return {
    isLoading: agents.isPending || issues.isPending || runs.isPending,
    agent: agents.data?.data.find(({ status }) => status !== 'terminated' && status !== 'pending_approval') ?? null,
    hasIssue: (issues.data?.data.length ?? 0) > 0,
    run: runs.data?.data[0] ?? null,
  }
}

export interface NewAgent {
  readonly name: string
  readonly role: string
}

/** Hires an agent that lives elsewhere. */
export const useHire = (companyId: string): UseMutationResult<Agent, ApiProblem, NewAgent> =>
  useAct(['agents', 'figures'], async (body: NewAgent) => (await request<Agent>('POST', `/companies/${companyId}/agents`, { body })).data)

/** Makes a key of an agent. Only this answer has it. */
export const useNewKey = (): UseMutationResult<CreatedKey, ApiProblem, string> =>
  useAct(
    ['agent'],
    async (agentId: string) => (await request<CreatedKey>('POST', `/agents/${agentId}/keys`, { body: { name: 'first key' } })).data,
  )

/** Makes an issue that any agent of the company may take. */
export const useFirstIssue = (companyId: string): UseMutationResult<Issue, ApiProblem, string> =>
  useAct(
    ['issues', 'figures'],
    async (title: string) =>
      (await request<Issue>('POST', `/companies/${companyId}/issues`, { body: { title, status: 'todo', priority: 'medium' } })).data,
  )
