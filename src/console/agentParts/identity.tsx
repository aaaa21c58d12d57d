import type { ReactNode } from 'react'
import type { AgentRole } from '../../model/agentStatus.ts'
import { useRead } from '../api/reads.ts'
import type { Agent } from '../api/types.ts'
import { useCompany } from '../frame/company.tsx'
import { SelectField } from '../parts/fields.tsx'

const roleNames: Readonly<Record<AgentRole, string>> = {
  ceo: 'CEO',
  cto: 'CTO',
  cmo: 'CMO',
  cfo: 'CFO',
  engineer: 'Engineer',
  designer: 'Designer',
  pm: 'Product manager',
  qa: 'Quality',
  devops: 'DevOps',
  researcher: 'Researcher',
  general: 'General',
  security: 'Security',
}

/** The name of a role as people write it. */
export const roleName = (role: string): string => roleNames[role as AgentRole] ?? role

export const roleChoices = Object.entries(roleNames).map(([value, label]) => ({ value, label }))

interface ManagerFieldProps {
  /** The id of the manager; empty for none. */
  readonly value: string
  readonly onChange: (value: string) => void
  /** The agent itself, which cannot be its own manager. */
  readonly except?: string
}

/** Chooses the manager of an agent. The server refuses a circle. */
export function ManagerField({ value, onChange, except }: ManagerFieldProps): ReactNode {
  const company = useCompany()
  const agents =
    useRead<Agent[]>(['agents', company.id, 'names'], `/companies/${company.id}/agents`, { query: { limit: 1000 } }).data?.data ?? []
  const choices = agents.filter(({ id }) => id !== except).map(({ id, name, role }) => ({ value: id, label: `${name}, ${roleName(role)}` }))
  // A manager that is terminated, or beyond the list, stays chosen.
  if (value !== '' && !choices.some((choice) => choice.value === value)) choices.push({ value, label: `Agent ${value.slice(0, 8)}` })
  return <SelectField label="Reports to" value={value} onChange={onChange} none="No agent" choices={choices} />
}
