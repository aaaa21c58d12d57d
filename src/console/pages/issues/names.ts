// The names behind the ids of a row, and the choices that they make.

import { useMemo } from 'react'
import { useRead } from '../../api/reads.ts'
import type { Agent, Goal, Label, Member, Project, Whoami } from '../../api/types.ts'
import type { Choice } from '../../parts/fields.tsx'
import type { IssueRow } from './filters.ts'

const ALL = { limit: 1000 }
/** Agents of every status: an issue may still name one that is terminated. */
const EVERY_AGENT = { ...ALL, status: 'pending_approval,idle,active,running,error,paused,terminated' }

/** An id and its name. */
interface Named {
  readonly id: string
  readonly name: string
}

export interface Names {
  /** Those that an issue can be given to. */
  readonly agents: readonly Named[]
  readonly people: readonly Named[]
  readonly projects: readonly Named[]
  readonly goals: readonly Named[]
  readonly labels: readonly Named[]
  /** The id of the reader; null before it is known. */
  readonly me: string | null
  readonly nameOfAgent: (id: string) => string
  readonly nameOfPerson: (id: string) => string
}

/** The account of a board without people. */
const LOCAL_BOARD = 'local-board'

/** The people of a company, the reader first. */
function peopleOf(members: readonly Member[], me: string | null): readonly Named[] {
  const others = members.flatMap(({ principalType, principalId, status, user }) =>
    principalType === 'user' && status === 'active' && principalId !== me
      ? [{ id: principalId, name: user?.name ?? (principalId === LOCAL_BOARD ? 'The board' : principalId) }]
      : [],
  )
  return me === null ? others : [{ id: me, name: 'Me' }, ...others]
}

const nameIn =
  (named: readonly Named[]) =>
  (id: string): string =>
    named.find((one) => one.id === id)?.name ?? id.slice(0, 8)

/** Reads the names of a company. Names that the reader may not read are left out. */
export function useNames(companyId: string): Names {
  const base = `/companies/${companyId}`
  const agents = useRead<Agent[]>(['agents', companyId, 'names of issues'], `${base}/agents`, {
    query: { ...EVERY_AGENT, fields: 'id,name,status' },
  }).data?.data
  const projects = useRead<Project[]>(['projects', companyId, 'names of issues'], `${base}/projects`, {
    query: { ...ALL, fields: 'id,name' },
  }).data?.data
  const goals = useRead<Goal[]>(['goals', companyId, 'names of issues'], `${base}/goals`, { query: { ...ALL, fields: 'id,title' } }).data
    ?.data
  const labels = useRead<Label[]>(['labels', companyId], `${base}/labels`, { query: ALL }).data?.data
  const members = useRead<Member[]>(['members', companyId], `${base}/members`, { query: ALL }).data?.data
  const me = useRead<Whoami>(['whoami', null], '/whoami').data?.data.userId ?? null
  return useMemo(() => {
    const people = peopleOf(members ?? [], me)
    return {
      agents: agents?.filter(({ status }) => status !== 'terminated') ?? [],
      people,
      projects: projects ?? [],
      goals: goals?.map(({ id, title }) => ({ id, name: title })) ?? [],
      labels: labels ?? [],
      me,
      nameOfAgent: nameIn(agents ?? []),
      nameOfPerson: nameIn(people),
    }
  }, [agents, projects, goals, labels, members, me])
}

export const choicesOf = (named: readonly Named[]): readonly Choice[] => named.map(({ id, name }) => ({ value: id, label: name }))

/** An assignee as one value: `agent:<id>`, `user:<id>`; empty for none. */
export const assigneeOf = ({ assigneeAgentId, assigneeUserId }: Pick<IssueRow, 'assigneeAgentId' | 'assigneeUserId'>): string =>
  assigneeAgentId !== null ? `agent:${assigneeAgentId}` : assigneeUserId !== null ? `user:${assigneeUserId}` : ''

/** The fields of a change that make `assigneeOf` this value. */
export const assigneeFields = (value: string): Pick<IssueRow, 'assigneeAgentId' | 'assigneeUserId'> => ({
  assigneeAgentId: value.startsWith('agent:') ? value.slice(6) : null,
  assigneeUserId: value.startsWith('user:') ? value.slice(5) : null,
})

/** The name of an assignee; null for none. */
export function nameOfAssignee(value: string, { nameOfAgent, nameOfPerson }: Names): string | null {
  if (value === '') return null
  return value.startsWith('agent:') ? nameOfAgent(value.slice(6)) : nameOfPerson(value.slice(5))
}

/** The agents and people that an issue can be given to. */
export const assigneeChoices = ({ agents, people }: Names): readonly Choice[] => [
  ...people.map(({ id, name }) => ({ value: `user:${id}`, label: name })),
  ...agents.map(({ id, name }) => ({ value: `agent:${id}`, label: name })),
]
