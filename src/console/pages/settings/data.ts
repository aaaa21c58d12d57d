// The reads and acts of the settings.

import { useQueryClient } from '@tanstack/react-query'
import type { UseMutationResult, UseQueryResult } from '@tanstack/react-query'
import { useAct } from '../../api/acts.ts'
import { request, segment } from '../../api/client.ts'
import type { Answer, ApiProblem } from '../../api/client.ts'
import { usePages, useRead } from '../../api/reads.ts'
import type { PagesRead } from '../../api/reads.ts'
import type { Activity, Agent, Asset, Company, CreatedInvite, Health, JoinRequest, Member, Run, Session, Whoami } from '../../api/types.ts'
import { useCompany } from '../../frame/company.tsx'
import { inviteActions } from './invitations.ts'

export const useHealth = (): UseQueryResult<Answer<Health>, ApiProblem> => useRead<Health>(['health', null], '/health')

export const useWhoami = (): UseQueryResult<Answer<Whoami>, ApiProblem> => useRead<Whoami>(['whoami', null], '/whoami')

/** Whether people sign in to this server; null while it is not known. */
export function usePeopleSignIn(): boolean | null {
  const mode = useHealth().data?.data.deploymentMode
  return mode === undefined ? null : mode === 'authenticated'
}

/** The company with its entity tag. */
export function useCompanyRow(): UseQueryResult<Answer<Company>, ApiProblem> {
  const { id } = useCompany()
  return useRead<Company>(['company', id], `/companies/${id}`)
}

/** The counts of what a company has: those of its deletion. */
export function useCompanyCounts(): { readonly agents: number; readonly issues: number; readonly liveRuns: number } | null {
  const { id } = useCompany()
  const stats = useRead<Record<string, { agentCount: number; issueCount: number }>>(['companies', null, 'stats'], '/companies/stats').data
  const runs = useRead<Run[]>(['runs', id, 'live'], `/companies/${id}/heartbeat-runs`, {
    query: { status: 'queued,running', limit: 50 },
  }).data
  if (stats === undefined || runs === undefined) return null
  const own = stats.data[id]
  return { agents: own?.agentCount ?? 0, issues: own?.issueCount ?? 0, liveRuns: runs.data.length }
}

export interface CompanyChange {
  readonly fields: Partial<Pick<Company, 'name' | 'description' | 'brandColor' | 'logoAssetId' | 'budgetMonthlyCents' | 'status'>> & {
    readonly requireBoardApprovalForNewAgents?: boolean
    readonly reason?: string
  }
  readonly etag: string | null
}

export function useChangeCompany(): UseMutationResult<Answer<Company>, ApiProblem, CompanyChange> {
  const { id } = useCompany()
  return useAct(['companies', 'company', 'figures'], ({ fields, etag }: CompanyChange) =>
    request<Company>('PATCH', `/companies/${id}`, { body: fields, ifMatch: etag }),
  )
}

/** Uploads an image. The company shows it when a change of the company names it. */
export function useUploadLogo(): UseMutationResult<Asset, ApiProblem, File> {
  const { id } = useCompany()
  return useAct([], async (file: File) => {
    const body = new FormData()
    body.append('file', file)
    return (await request<Asset>('POST', `/companies/${id}/logo`, { body })).data
  })
}

export function useArchiveCompany(): UseMutationResult<unknown, ApiProblem, string> {
  const { id } = useCompany()
  return useAct(['companies', 'company', 'runs', 'figures'], (reason: string) =>
    request('POST', `/companies/${id}/archive`, { body: reason === '' ? {} : { reason } }),
  )
}

/** Deletes the company, and takes it out of the list at once: the page that comes next is chosen from that list. */
export function useDeleteCompany(): UseMutationResult<unknown, ApiProblem, void> {
  const { id } = useCompany()
  const queries = useQueryClient()
  return useAct(['companies'], async () => {
    await request('DELETE', `/companies/${id}`)
    queries.setQueriesData<Answer<unknown>>({ queryKey: ['companies', null] }, (read) =>
      read !== undefined && Array.isArray(read.data) ? { ...read, data: (read.data as Company[]).filter((row) => row.id !== id) } : read,
    )
  })
}

export function useMembers(): PagesRead<Member> {
  const { id } = useCompany()
  return usePages<Member>(['members', id], `/companies/${id}/members`)
}

export function useAgentNames(): (agentId: string) => string {
  const { id } = useCompany()
  const agents = useRead<Agent[]>(['agents', id], `/companies/${id}/agents`, { query: { limit: 1000 } }).data?.data
  return (agentId) => agents?.find((agent) => agent.id === agentId)?.name ?? `agent ${agentId.slice(0, 8)}`
}

export interface MemberChange {
  readonly memberId: string
  readonly role?: string
  readonly status?: 'active' | 'suspended'
}

export function useChangeMember(): UseMutationResult<unknown, ApiProblem, MemberChange> {
  const { id } = useCompany()
  return useAct(['members'], ({ memberId, ...body }: MemberChange) =>
    request('PATCH', `/companies/${id}/members/${segment(memberId)}`, { body }),
  )
}

export interface GrantsChange {
  readonly memberId: string
  readonly grants: readonly { readonly permissionKey: string; readonly scope: Readonly<Record<string, unknown>> | null }[]
}

export function useChangeGrants(): UseMutationResult<unknown, ApiProblem, GrantsChange> {
  const { id } = useCompany()
  return useAct(['members', 'agent'], ({ memberId, grants }: GrantsChange) =>
    request('PATCH', `/companies/${id}/members/${segment(memberId)}/permissions`, { body: { grants } }),
  )
}

/** The audit rows about invitations and their use. The API has no list of invitations, because their tokens are not kept. */
export function useInviteRows(): PagesRead<Activity> {
  const { id } = useCompany()
  return usePages<Activity>(['invites', id], `/companies/${id}/activity`, { action: inviteActions.join(',') }, 200)
}

export interface NewInvite {
  readonly allowedJoinTypes: string
  readonly memberRole?: string
  readonly agentMessage?: string
}

export function useInvite(): UseMutationResult<CreatedInvite, ApiProblem, NewInvite> {
  const { id } = useCompany()
  return useAct(['invites'], async (body: NewInvite) => (await request<CreatedInvite>('POST', `/companies/${id}/invites`, { body })).data)
}

export const useRevokeInvite = (): UseMutationResult<unknown, ApiProblem, string> =>
  useAct(['invites'], (inviteId: string) => request('POST', `/invites/${segment(inviteId)}/revoke`))

export function useJoinRequests(status: string): PagesRead<JoinRequest> {
  const { id } = useCompany()
  return usePages<JoinRequest>(['joinRequests', id], `/companies/${id}/join-requests`, { status })
}

export const useSessions = (isEnabled: boolean): UseQueryResult<Answer<Session[]>, ApiProblem> =>
  useRead<Session[]>(['sessions', null], '/auth/list-sessions', { isEnabled })

/** The ways in which sessions end. */
export type SessionEnd = { readonly kind: 'one'; readonly id: string } | { readonly kind: 'others' | 'all' | 'this' }

const endPaths = { one: 'revoke-session', others: 'revoke-other-sessions', all: 'revoke-sessions', this: 'sign-out' } as const

export const useEndSessions = (): UseMutationResult<unknown, ApiProblem, SessionEnd> =>
  useAct(['sessions', 'whoami'], (end: SessionEnd) =>
    request('POST', `/auth/${endPaths[end.kind]}`, end.kind === 'one' ? { body: { id: end.id } } : {}),
  )
