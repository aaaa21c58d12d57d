import type { ReactNode } from 'react'
import { inBackground } from '../../../api/background.ts'
import { useCompanyPath } from '../../../frame/company.tsx'
import { SelectField } from '../../../parts/fields.tsx'
import type { Choice } from '../../../parts/fields.tsx'
import { Link } from '../../../router/Link.tsx'
import { agentName, personName, useAuthors } from '../Author.tsx'
import { useAgents, useMembers } from '../data.ts'
import type { IssueChanges } from '../data.ts'
import type { FactsProps } from './props.ts'

const AGENT = 'agent:'
const PERSON = 'person:'

type Assignee = Pick<IssueChanges, 'assigneeAgentId' | 'assigneeUserId'>

const valueOf = ({ assigneeAgentId = null, assigneeUserId = null }: Assignee): string =>
  assigneeAgentId !== null ? AGENT + assigneeAgentId : assigneeUserId !== null ? PERSON + assigneeUserId : ''

const changesOf = (value: string): Assignee => ({
  assigneeAgentId: value.startsWith(AGENT) ? value.slice(AGENT.length) : null,
  assigneeUserId: value.startsWith(PERSON) ? value.slice(PERSON.length) : null,
})

/** The agents and the people that may have the issue, and the one that has it. */
function useChoices({ issue }: Pick<FactsProps, 'issue'>): readonly Choice[] {
  const nameOf = useAuthors()
  const agents = useAgents()
    .filter(({ status }) => status !== 'terminated')
    .map(({ id, name }) => ({ value: AGENT + id, label: name }))
  const people = useMembers()
    .filter(({ principalType, status }) => principalType === 'user' && status === 'active')
    .map(({ principalId }) => ({ value: PERSON + principalId, label: `${personName(nameOf, principalId)} (person)` }))
  const choices = [...agents, ...people]
  const own = valueOf(issue)
  if (own === '' || choices.some(({ value }) => value === own)) return choices
  const label = issue.assigneeAgentId === null ? personName(nameOf, issue.assigneeUserId ?? '') : agentName(nameOf, issue.assigneeAgentId)
  return [{ value: own, label }, ...choices]
}

/** The agent or the person that has the issue. Another one ends the hold of the present one, as the server decides. */
export function AssigneeField({ issue, save }: FactsProps): ReactNode {
  const pathOf = useCompanyPath()
  const choices = useChoices({ issue })
  return (
    <div data-fact="assignee">
      <SelectField
        label="Assignee"
        value={valueOf({ ...issue, ...save.pending })}
        none="Not assigned"
        choices={choices}
        onChange={(value) =>
          inBackground(save.save(changesOf(value), value === '' ? 'The issue has no assignee.' : 'The assignee is changed.'))
        }
      />
      {issue.assigneeAgentId !== null && (
        <p className="beside">
          <Link to={pathOf(`agents/${issue.assigneeAgentId}`)}>Open the agent</Link>
        </p>
      )}
    </div>
  )
}
