// The acts of the page of budgets.

import type { UseMutationResult } from '@tanstack/react-query'
import { useAct } from '../../api/acts.ts'
import { request, segment } from '../../api/client.ts'
import type { ApiProblem } from '../../api/client.ts'
import { useRead } from '../../api/reads.ts'
import type { Activity, Agent, BudgetIncident, BudgetPolicy, BudgetTrial, Project } from '../../api/types.ts'
import { useCompany } from '../../frame/company.tsx'
import type { Choice } from '../../parts/fields.tsx'
import type { PolicyBody } from './policyForm.ts'

/** The reads that a budget, or the stop that it orders, may change. */
const concerned = ['budgets', 'figures', 'agents', 'agent', 'projects', 'project', 'companies', 'company', 'approvals', 'approval', 'runs']

/** Asks for the effects of a policy, without setting it. */
export function useTryPolicy(): UseMutationResult<BudgetTrial, ApiProblem, PolicyBody> {
  const { id } = useCompany()
  return useAct(
    [],
    async (body: PolicyBody) =>
      (await request<BudgetTrial>('POST', `/companies/${id}/budgets/policies`, { body: { ...body, dryRun: true } })).data,
  )
}

/** Sets a policy. An amount of 0 takes it out of force. */
export function useSetPolicy(): UseMutationResult<BudgetPolicy, ApiProblem, PolicyBody> {
  const { id } = useCompany()
  return useAct(
    concerned,
    async (body: PolicyBody) => (await request<BudgetPolicy>('POST', `/companies/${id}/budgets/policies`, { body })).data,
  )
}

export interface Resolution {
  readonly action: 'keep_paused' | 'raise_budget_and_resume'
  /** The new limit in cents. */
  readonly amount?: number
  readonly decisionNote: string | null
}

/** Answers an incident. */
export function useResolve(incidentId: string): UseMutationResult<BudgetIncident, ApiProblem, Resolution> {
  const { id } = useCompany()
  return useAct(
    concerned,
    async (body: Resolution) =>
      (await request<BudgetIncident>('POST', `/companies/${id}/budget-incidents/${segment(incidentId)}/resolve`, { body })).data,
  )
}

const ALL = { limit: 1000 }

/** The agents and projects that a budget may limit. */
export function useScopes(): Readonly<Record<'agent' | 'project', readonly Choice[]>> {
  const { id } = useCompany()
  const agents = useRead<Agent[]>(['agents', id], `/companies/${id}/agents`, { query: ALL }).data?.data ?? []
  const projects = useRead<Project[]>(['projects', id], `/companies/${id}/projects`, { query: ALL }).data?.data ?? []
  const choice = ({ id: value, name }: { readonly id: string; readonly name: string }): Choice => ({ value, label: name })
  return { agent: agents.filter(({ status }) => status !== 'terminated').map(choice), project: projects.map(choice) }
}

/** The number of runs that a stop has ended; null while it is not known. */
export function useStopped({ id: incidentId, enforcedAt }: BudgetIncident): number | null {
  const { id } = useCompany()
  const rows = useRead<Activity[]>(['activity', id, incidentId], `/companies/${id}/activity`, {
    query: { entityType: 'budget_incident', entityId: incidentId, limit: 50 },
    isEnabled: enforcedAt !== null,
  }).data?.data
  const ended = rows?.flatMap(({ details }) => (Array.isArray(details?.['endedRunIds']) ? [details['endedRunIds'].length] : [])) ?? []
  return ended.length === 0 ? null : ended.reduce((sum, runs) => sum + runs, 0)
}
