import { useQuery } from '@tanstack/react-query'
import { useMemo } from 'react'
import { request, segment } from '../../api/client.ts'
import { useRead } from '../../api/reads.ts'
import type { Agent, Goal, Issue, Member, Project } from '../../api/types.ts'
import { useCompany } from '../../frame/company.tsx'
import { sentenceOf } from './sentences.ts'
import type { NameOf, SentenceRow } from './sentences.ts'

/** Identifiers of issues by their ids; an issue keeps its identifier. Null for one that is gone. */
const identifiers = new Map<string, string | null>()
/** Issues that are asked for at once. */
const AT_ONCE = 6

/** Learns the identifiers of the issues that the sentences of rows name, so that `nameOf` has them. */
export const learnIssues = (rows: readonly SentenceRow[]): Promise<void> => learn(issueIdsOf(rows))

/** Remembers the identifiers of issues that were not seen yet. */
async function learn(ids: readonly string[]): Promise<void> {
  const waiting = ids.filter((id) => !identifiers.has(id))
  const work = async (): Promise<void> => {
    for (let id = waiting.pop(); id !== undefined; id = waiting.pop()) {
      const known = id
      await request<Issue>('GET', `/issues/${segment(known)}`).then(
        ({ data }) => identifiers.set(known, data.identifier),
        () => identifiers.set(known, null),
      )
    }
  }
  await Promise.all(Array.from({ length: AT_ONCE }, work))
}

const issueIdsOf = (rows: readonly SentenceRow[]): string[] => {
  const ids = new Set<string>()
  for (const row of rows)
    for (const part of sentenceOf(row))
      if (typeof part === 'object' && 'kind' in part && part.kind === 'issue') {
        if (part.text === undefined) ids.add(part.id)
        else identifiers.set(part.id, part.text)
      }
  return [...ids].filter((id) => !identifiers.has(id)).toSorted()
}

/** All rows of a list that names can be taken from. */
const ALL = { limit: 1000 }
/** Agents of every status: rows of the log outlive them. */
export const everyAgent = { ...ALL, status: 'pending_approval,idle,active,running,error,paused,terminated' }

/** The names of agents, people, issues, projects and goals in the sentences of rows. */
export function useNames(rows: readonly SentenceRow[]): NameOf {
  const { id } = useCompany()
  const base = `/companies/${id}`
  const agents = useRead<Agent[]>(['agents', id, 'names'], `${base}/agents`, { query: everyAgent }).data?.data
  const members = useRead<Member[]>(['members', id, 'names'], `${base}/members`, { query: ALL }).data?.data
  const projects = useRead<Project[]>(['projects', id, 'names'], `${base}/projects`, { query: ALL }).data?.data
  const goals = useRead<Goal[]>(['goals', id, 'names'], `${base}/goals`, { query: ALL }).data?.data
  const missing = useMemo(() => issueIdsOf(rows), [rows])
  const learned = useQuery({
    queryKey: ['identifiers', id, missing],
    queryFn: async () => {
      await learn(missing)
      return missing.length
    },
    enabled: missing.length > 0,
  }).dataUpdatedAt
  return useMemo(() => {
    const names = new Map<string, string>()
    for (const { id: agentId, name } of agents ?? []) names.set(agentId, name)
    for (const { principalId, user } of members ?? []) if (user !== null) names.set(principalId, user.name)
    for (const { id: projectId, name } of projects ?? []) names.set(projectId, name)
    for (const { id: goalId, title } of goals ?? []) names.set(goalId, title)
    return ({ kind, id: rowId }) => (kind === 'issue' ? (identifiers.get(rowId) ?? null) : (names.get(rowId) ?? null))
    // `learned` changes with the identifiers, which are kept outside.
    // oxlint-disable-next-line react/exhaustive-deps
  }, [agents, members, projects, goals, learned])
}
