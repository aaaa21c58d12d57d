// The reads and acts about projects, goals and labels.

import type { UseMutationResult, UseQueryResult } from '@tanstack/react-query'
import { useAct } from '../../api/acts.ts'
import { request, segment } from '../../api/client.ts'
import type { Answer, ApiProblem } from '../../api/client.ts'
import { usePages, useRead } from '../../api/reads.ts'
import type { PagesRead } from '../../api/reads.ts'
import type { Agent, Goal, Label, Project } from '../../api/types.ts'
import { useCompany } from '../../frame/company.tsx'
import { counted } from '../../parts/counted.ts'

/** All rows of a list of which a company has few. */
const ALL = { limit: 1000 }

export function useProjects(status: string): PagesRead<Project> {
  const { id } = useCompany()
  return usePages<Project>(['projects', id], `/companies/${id}/projects`, { status })
}

/** One project by its id or its shortname. */
export function useProject(project: string): UseQueryResult<Answer<Project>, ApiProblem> {
  const { id } = useCompany()
  return useRead<Project>(['project', id, project], `/projects/${segment(project)}`, { query: { companyId: id } })
}

export function useGoals(): UseQueryResult<Answer<Goal[]>, ApiProblem> {
  const { id } = useCompany()
  return useRead<Goal[]>(['goals', id], `/companies/${id}/goals`, { query: ALL })
}

/** One goal with its entity tag. */
export function useGoal(goalId: string): UseQueryResult<Answer<Goal>, ApiProblem> {
  const { id } = useCompany()
  return useRead<Goal>(['goal', id, goalId], `/goals/${goalId}`)
}

export function useLabels(): UseQueryResult<Answer<Label[]>, ApiProblem> {
  const { id } = useCompany()
  return useRead<Label[]>(['labels', id], `/companies/${id}/labels`, { query: ALL })
}

/** The agents that may lead or own something. */
export function useAgents(): readonly Agent[] {
  const { id } = useCompany()
  const agents = useRead<Agent[]>(['agents', id], `/companies/${id}/agents`, { query: ALL }).data?.data ?? []
  return agents.filter(({ status }) => status !== 'terminated')
}

/** The fields of a project that a form has. */
export interface ProjectFields {
  readonly name: string
  readonly description: string | null
  readonly status: string
  readonly leadAgentId: string | null
  readonly targetDate: string | null
  readonly color: string | null
  readonly goalIds: readonly string[]
}

export function useCreateProject(): UseMutationResult<Project, ApiProblem, Partial<ProjectFields>> {
  const { id } = useCompany()
  return useAct(
    ['projects'],
    async (body: Partial<ProjectFields>) => (await request<Project>('POST', `/companies/${id}/projects`, { body })).data,
  )
}

interface Change<Fields> {
  readonly id: string
  readonly fields: Fields
  readonly etag: string | null
}

export type ProjectChange = Change<Partial<ProjectFields> & { readonly archivedAt?: string | null }>

export const useChangeProject = (): UseMutationResult<Answer<Project>, ApiProblem, ProjectChange> =>
  useAct(['projects', 'project', 'issues'], ({ id, fields, etag }: ProjectChange) =>
    request<Project>('PATCH', `/projects/${id}`, { body: fields, ifMatch: etag }),
  )

export const useDeleteProject = (): UseMutationResult<unknown, ApiProblem, string> =>
  useAct(['projects', 'issues', 'issue'], (id: string) => request('DELETE', `/projects/${id}`))

export interface GoalFields {
  readonly title: string
  readonly description: string | null
  readonly level: string
  readonly status: string
  readonly parentId: string | null
  readonly ownerAgentId: string | null
}

export function useCreateGoal(): UseMutationResult<unknown, ApiProblem, GoalFields> {
  const { id } = useCompany()
  return useAct(['goals', 'goal'], (body: GoalFields) => request('POST', `/companies/${id}/goals`, { body }))
}

export type GoalChange = Change<GoalFields>

export const useChangeGoal = (): UseMutationResult<unknown, ApiProblem, GoalChange> =>
  useAct(['goals', 'goal', 'projects', 'project'], ({ id, fields, etag }: GoalChange) =>
    request('PATCH', `/goals/${id}`, { body: fields, ifMatch: etag }),
  )

export const useDeleteGoal = (): UseMutationResult<unknown, ApiProblem, string> =>
  useAct(['goals', 'goal', 'projects', 'project', 'issues', 'issue'], (id: string) => request('DELETE', `/goals/${id}`))

export interface LabelFields {
  readonly name: string
  readonly color: string
}

export function useCreateLabel(): UseMutationResult<unknown, ApiProblem, LabelFields> {
  const { id } = useCompany()
  return useAct(['labels'], (body: LabelFields) => request('POST', `/companies/${id}/labels`, { body }))
}

export const useDeleteLabel = (): UseMutationResult<unknown, ApiProblem, string> =>
  useAct(['labels', 'issues', 'issue'], (id: string) => request('DELETE', `/labels/${id}`))

/** How many issues of the company refer to something, up to 100, in words: said before it is deleted. */
export function useIssueCount(filter: Readonly<Record<string, string>>): string | null {
  const { id } = useCompany()
  const [value] = Object.values(filter)
  const read = useRead<unknown[]>(['issues', id, 'referring', value], `/companies/${id}/issues`, { query: { ...filter, limit: 100 } }).data
  if (read === undefined) return null
  return read.next === null ? counted(read.data.length, 'issue') : `${read.data.length} or more issues`
}
