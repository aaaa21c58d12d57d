import type { ReactNode } from 'react'
import type { ApprovalDetail } from '../../api/types.ts'
import { useCompanyPath } from '../../frame/company.tsx'
import { Fact, Facts } from '../../parts/Facts.tsx'
import { Link } from '../../router/Link.tsx'
import { Json } from '../../texts/Json.tsx'
import { VisibleText } from '../../texts/VisibleText.tsx'
import type { NameOf } from '../activity/sentences.ts'
import { Command } from './Command.tsx'
import { money, wakeWords } from './figures.ts'
import { recordOf } from './words.ts'
import { WrittenFact, WrittenField } from './written.tsx'

interface HireCardProps {
  readonly approval: ApprovalDetail
  readonly nameOf: NameOf
}

/** Fields that the card shows itself. The others follow it as they are. */
const shown: ReadonlySet<string> = new Set([
  'name',
  'role',
  'title',
  'icon',
  'reportsTo',
  'capabilities',
  'adapterType',
  'adapterConfig',
  'runtimeConfig',
  'budgetMonthlyCents',
  'permissions',
  'agentId',
  'requestedConfigurationSnapshot',
])

/** The agent as it will be. The agent that the server would make is decisive; the payload only adds the texts about it. */
export function HireCard({ approval: { payload, resultingConfiguration, warnings = [] }, nameOf }: HireCardProps): ReactNode {
  const agent = recordOf(resultingConfiguration ?? payload)
  const pathOf = useCompanyPath()
  const { reportsTo, name } = agent
  const rest = Object.entries(payload).filter(([field, value]) => !shown.has(field) && value !== null)
  return (
    <div className="stack">
      <section className="card hire" aria-label="The agent">
        <h3>
          <VisibleText text={typeof name === 'string' ? name : 'New agent'} />
        </h3>
        <Facts>
          <WrittenFact name="Role" value={agent['role']} />
          <WrittenFact name="Title" value={payload['title']} />
          <Fact name="Reports to">
            {typeof reportsTo === 'string' ? (
              <Link to={pathOf(`agents/${reportsTo}`)}>{nameOf({ kind: 'agent', id: reportsTo }) ?? reportsTo}</Link>
            ) : (
              'the board'
            )}
          </Fact>
          <WrittenFact name="Can do" value={payload['capabilities']} />
          <Fact name="Budget">{money(agent['budgetMonthlyCents'])}</Fact>
          <Fact name="Rights">
            {recordOf(agent['permissions'])['canCreateAgents'] === true ? '▲ may create agents' : 'none beyond its role'}
          </Fact>
          <Fact name="Wakes">{wakeWords(recordOf(agent['runtimeConfig']))}</Fact>
          <WrittenFact name="Runs by" value={agent['adapterType']} />
        </Facts>
      </section>
      <section aria-label="What it runs">
        <h3>What it runs</h3>
        <Command config={recordOf(agent['adapterConfig'])} path="adapterConfig" warnings={warnings} />
        {Object.keys(recordOf(agent['adapterConfig'])).length === 0 && (
          <p className="soft">No command: this server starts no run of the agent. It runs elsewhere, with a key.</p>
        )}
      </section>
      <Runtime value={recordOf(agent['runtimeConfig'])} />
      {rest.map(([field, value]) => (
        <WrittenField key={field} name={field} value={value} />
      ))}
    </div>
  )
}

function Runtime({ value }: { readonly value: Readonly<Record<string, unknown>> }): ReactNode {
  if (Object.keys(value).length === 0) return null
  return (
    <section>
      <h3>Settings of its runs</h3>
      <Json name="Settings of its runs" value={value} />
    </section>
  )
}
