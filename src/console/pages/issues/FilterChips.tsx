import type { ReactNode } from 'react'
import { useRead } from '../../api/reads.ts'
import type { Issue } from '../../api/types.ts'
import { segment } from '../../api/client.ts'
import { useCompany } from '../../frame/company.tsx'
import { setQuery } from '../../router/location.ts'
import { drawerNames } from './filters.ts'
import type { DrawerName, Filter } from './filters.ts'
import type { Names } from './names.ts'

/** The words before the value of each filter of the drawer. */
export const drawerWords: Readonly<Record<DrawerName, string>> = {
  parentId: 'Parent',
  goalId: 'Goal',
  createdByAgentId: 'Created by the agent',
  createdByUserId: 'Created by the person',
  participantAgentId: 'The agent took part',
  touchedByUserId: 'The person took part',
  unreadForUserId: 'Unread for',
  inboxArchivedByUserId: 'Not archived by',
  originKind: 'Kind of origin',
  originId: 'Id of origin',
  workspaceId: 'Workspace',
  executionWorkspaceId: 'Workspace of the execution',
  includeRoutineExecutions: 'Runs of routines too',
}

/** The value of a filter in words. */
function valueOf(name: DrawerName, value: string, names: Names): string {
  if (name.endsWith('UserId')) return value === 'me' ? 'me' : names.nameOfPerson(value)
  if (name.endsWith('AgentId')) return names.nameOfAgent(value)
  if (name === 'goalId') return names.goals.find(({ id }) => id === value)?.name ?? value
  return value === 'true' ? 'yes' : value
}

/** The filters that have no control in the bar, each with a way to remove it. */
export function FilterChips({ filter, names }: { readonly filter: Filter; readonly names: Names }): ReactNode {
  const set = drawerNames.filter((name) => filter[name] !== undefined)
  if (set.length === 0) return null
  return (
    <ul className="chips" aria-label="More filters">
      {set.map((name) => {
        const value = filter[name] ?? ''
        return (
          <li key={name}>
            {drawerWords[name]}: <strong>{name === 'parentId' ? <Identifier id={value} /> : valueOf(name, value, names)}</strong>
            <button
              type="button"
              className="quiet"
              aria-label={`Remove the filter ${drawerWords[name]}`}
              onClick={() => setQuery({ [name]: null })}
            >
              ✕
            </button>
          </li>
        )
      })}
    </ul>
  )
}

/** The identifier of an issue of which the address has the id. */
function Identifier({ id }: { readonly id: string }): ReactNode {
  const { data } = useRead<Issue>(['issue', useCompany().id, id], `/issues/${segment(id)}`)
  return data === undefined ? id.slice(0, 8) : data.data.identifier
}
