import type { ReactNode } from 'react'
import type { Agent, ApprovalDetail } from '../../api/types.ts'
import { useCompanyPath } from '../../frame/company.tsx'
import { enumerated, fieldWords } from '../activity/sentenceParts.ts'
import { Link } from '../../router/Link.tsx'
import { Json } from '../../texts/Json.tsx'
import { TextDiff } from '../../texts/TextDiff.tsx'
import { VisibleText } from '../../texts/VisibleText.tsx'
import { changeOf } from './change.ts'
import { Command, hasCommand } from './Command.tsx'
import { isOpen, recordOf } from './words.ts'
import type { Proposal } from './words.ts'
import { WrittenField } from './written.tsx'

interface ChangeViewProps {
  readonly approval: ApprovalDetail
  readonly proposal: Proposal
  /** The agent as it is now; null while it is read, and when it is gone. */
  readonly agent: Agent | null
}

/** A change of an agent: its configuration after an approval against the one of now. */
export function ChangeView({ approval, proposal, agent }: ChangeViewProps): ReactNode {
  const { resultingConfiguration, payload } = approval
  const pathOf = useCompanyPath()
  const { title: _, summary, agentConfiguration: _proposal, ...rest } = payload
  return (
    <div className="stack">
      <p>
        Changes <Link to={pathOf(`agents/${proposal.agentId}`)}>{agent === null ? 'the agent' : <VisibleText text={agent.name} />}</Link>
        {proposal.rolledBackFromRevisionId !== null && ', back to an earlier revision of its configuration'}.
      </p>
      {typeof summary === 'string' && <WrittenField name="summary" value={summary} />}
      {resultingConfiguration === undefined || resultingConfiguration === null ? (
        <Proposed proposal={proposal} isGone={resultingConfiguration === null} />
      ) : (
        <Compared approval={approval} agent={agent} result={resultingConfiguration} />
      )}
      {Object.entries(rest).map(([name, value]) => (
        <WrittenField key={name} name={name} value={value} />
      ))}
    </div>
  )
}

/** For those who do not decide, and when the agent is gone: only the request. */
const Proposed = ({ proposal, isGone }: { readonly proposal: Proposal; readonly isGone: boolean }): ReactNode => (
  <section>
    {isGone && <p>The agent is gone, so the change cannot be made.</p>}
    <h3>What is asked for</h3>
    <Json name="What is asked for" value={proposal.permissions ?? proposal.changes} />
  </section>
)

interface ComparedProps {
  readonly approval: ApprovalDetail
  readonly agent: Agent | null
  readonly result: Readonly<Record<string, unknown>>
}

function Compared({ approval, agent, result }: ComparedProps): ReactNode {
  const { warnings = [] } = approval
  if (agent === null) return <Json name="The resulting configuration" value={result} />
  const { before, after, fields } = changeOf(agent, result)
  const config = recordOf(result['adapterConfig'])
  const isDecided = !isOpen(approval)
  return (
    <>
      <section>
        <h3>
          {isDecided ? 'What was decided about, against the configuration of now' : 'The resulting configuration, against the one of now'}
        </h3>
        {fields.length > 0 && <p>Differs in: {enumerated(fields.map(fieldWords))}.</p>}
        <TextDiff name="Change of the configuration" before={before} after={after} />
      </section>
      {fields.includes('adapterConfig') && hasCommand(config) && (
        <section>
          <h3>The command afterwards</h3>
          <Command config={commandOnly(config)} path="adapterConfig" warnings={warnings} />
        </section>
      )}
    </>
  )
}

/** The environment is in the comparison already. */
const commandOnly = ({
  command,
  args,
  extraArgs,
  commandArgs,
  cwd,
}: Readonly<Record<string, unknown>>): Readonly<Record<string, unknown>> => ({
  ...(command === undefined ? {} : { command }),
  ...(args === undefined ? {} : { args }),
  ...(extraArgs === undefined ? {} : { extraArgs }),
  ...(commandArgs === undefined ? {} : { commandArgs }),
  ...(cwd === undefined ? {} : { cwd }),
})
