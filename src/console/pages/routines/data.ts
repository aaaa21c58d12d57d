// The reads and acts about routines, their triggers and their runs.

import type { UseMutationResult, UseQueryResult } from '@tanstack/react-query'
import { useAct, useUncachedAct } from '../../api/acts.ts'
import { request, segment } from '../../api/client.ts'
import type { Answer, ApiProblem } from '../../api/client.ts'
import { usePages, useRead } from '../../api/reads.ts'
import type { PagesRead } from '../../api/reads.ts'
import type {
  Agent,
  Goal,
  Project,
  Routine,
  RoutineDetail,
  RoutineItem,
  RoutineRun,
  RoutineRunItem,
  TriggerWithSecret,
} from '../../api/types.ts'
import { useCompany } from '../../frame/company.tsx'
import type { Choice } from '../../parts/fields.tsx'
import type { RoutineBody } from './routineForm.ts'

/** The routines of the company, the oldest first. */
export function useRoutines(): PagesRead<RoutineItem> {
  const { id } = useCompany()
  return usePages<RoutineItem>(['routines', id], `/companies/${id}/routines`)
}

/** One routine with its triggers and its open issue. */
export function useRoutine(routineId: string): UseQueryResult<Answer<RoutineDetail>, ApiProblem> {
  const { id } = useCompany()
  return useRead<RoutineDetail>(['routine', id, routineId], `/routines/${segment(routineId)}`)
}

/** The last runs of a routine, newest first. */
export function useRoutineRuns(routineId: string, limit: number): UseQueryResult<Answer<RoutineRunItem[]>, ApiProblem> {
  const { id } = useCompany()
  return useRead<RoutineRunItem[]>(['routine', id, routineId, 'runs'], `/routines/${segment(routineId)}/runs`, { query: { limit } })
}

/** The next times of a schedule that is being typed. A text that is no schedule is refused in the words of the server. */
export function usePreview(cronExpression: string, timezone: string): UseQueryResult<Answer<{ nextRunTimes: string[] }>, ApiProblem> {
  const { id } = useCompany()
  return useRead<{ nextRunTimes: string[] }>(
    ['schedulePreview', id, cronExpression, timezone],
    `/companies/${id}/routines/schedule-preview`,
    { query: { cronExpression, timezone }, isEnabled: cronExpression !== '' && timezone !== '' },
  )
}

const ALL = { limit: 1000 }

/** The rows that a routine may refer to. */
export interface Choices {
  readonly agents: readonly Choice[]
  readonly projects: readonly Choice[]
  readonly goals: readonly Choice[]
}

export function useChoices(): Choices {
  const { id } = useCompany()
  const agents = useRead<Agent[]>(['agents', id], `/companies/${id}/agents`, { query: ALL }).data?.data ?? []
  const projects = useRead<Project[]>(['projects', id], `/companies/${id}/projects`, { query: ALL }).data?.data ?? []
  const goals = useRead<Goal[]>(['goals', id], `/companies/${id}/goals`, { query: ALL }).data?.data ?? []
  return {
    agents: agents.filter(({ status }) => status !== 'terminated').map(({ id: value, name }) => ({ value, label: name })),
    projects: projects.map(({ id: value, name }) => ({ value, label: name })),
    goals: goals.map(({ id: value, title }) => ({ value, label: title })),
  }
}

const NOUNS = ['routines', 'routine']

export function useCreateRoutine(): UseMutationResult<Routine, ApiProblem, Partial<RoutineBody>> {
  const { id } = useCompany()
  return useAct(NOUNS, async (body: Partial<RoutineBody>) => (await request<Routine>('POST', `/companies/${id}/routines`, { body })).data)
}

export const useChangeRoutine = (
  routineId: string,
): UseMutationResult<Routine, ApiProblem, Partial<RoutineBody> & { readonly status?: Routine['status'] }> =>
  useAct(NOUNS, async (body) => (await request<Routine>('PATCH', `/routines/${segment(routineId)}`, { body })).data)

export interface RunBody {
  readonly variables: Readonly<Record<string, string | number | boolean>>
  /** A second press of the button makes no second run. */
  readonly idempotencyKey: string
}

export const useRunRoutine = (routineId: string): UseMutationResult<RoutineRun, ApiProblem, RunBody> =>
  useAct(
    [...NOUNS, 'issues', 'runs', 'figures'],
    async (body: RunBody) => (await request<RoutineRun>('POST', `/routines/${segment(routineId)}/run`, { body })).data,
  )

/** Pauses every active routine, or makes those active again that were paused so. @returns how many there were */
export function usePauseAll(act: 'pause-all' | 'resume-all'): UseMutationResult<number, ApiProblem, string> {
  const { id } = useCompany()
  return useAct(NOUNS, async (reason: string) => {
    const path = `/companies/${id}/routines/${act}`
    return (await request<{ routineIds: string[] }>('POST', path, { body: reason === '' ? {} : { reason } })).data.routineIds.length
  })
}

/** The fields of a trigger, as its kind has them. */
export type TriggerBody = Readonly<Record<string, unknown>>

/** Adds a trigger. The answer has the secret of a webhook, so it is kept nowhere. */
export const useCreateTrigger = (routineId: string): ((body: TriggerBody) => Promise<TriggerWithSecret>) =>
  useUncachedAct(
    NOUNS,
    async (body: TriggerBody) => (await request<TriggerWithSecret>('POST', `/routines/${segment(routineId)}/triggers`, { body })).data,
  )

const triggerPath = (triggerId: string): string => `/routine-triggers/${segment(triggerId)}`

export const useChangeTrigger = (triggerId: string): UseMutationResult<unknown, ApiProblem, TriggerBody> =>
  useAct(NOUNS, (body: TriggerBody) => request('PATCH', triggerPath(triggerId), { body }))

export const useDeleteTrigger = (triggerId: string): UseMutationResult<unknown, ApiProblem, void> =>
  useAct(NOUNS, () => request('DELETE', triggerPath(triggerId)))

/** Gives a webhook another secret, which the answer has and nothing keeps. */
export const useRotateTrigger = (triggerId: string): (() => Promise<TriggerWithSecret>) => {
  const rotate = useUncachedAct<void, TriggerWithSecret>(
    NOUNS,
    async () => (await request<TriggerWithSecret>('POST', `${triggerPath(triggerId)}/rotate-secret`, { body: {} })).data,
  )
  return () => rotate()
}
