import type { ReactNode } from 'react'
import type { Agent } from '../../api/types.ts'
import { useCompanyPath } from '../../frame/company.tsx'
import { Link } from '../../router/Link.tsx'
import { useIssueName } from './data.ts'
import { shortId } from './words.ts'

/** A link to an agent by its name. */
export function AgentLink({ agentId, agents }: { readonly agentId: string; readonly agents: readonly Agent[] }): ReactNode {
  const pathOf = useCompanyPath()
  const name = agents.find(({ id }) => id === agentId)?.name
  return (
    <Link to={pathOf(`agents/${agentId}`)} className={name === undefined ? 'mono' : undefined}>
      {name ?? shortId(agentId)}
    </Link>
  )
}

/** A link to an issue by its identifier, with its title after it. */
export function IssueLink({ issueId }: { readonly issueId: string | null }): ReactNode {
  const pathOf = useCompanyPath()
  const issue = useIssueName(issueId)
  if (issueId === null) return <span className="soft">none</span>
  return (
    <Link to={pathOf(`issues/${issue?.identifier ?? issueId}`)} title={issue?.title} className="issue-link">
      <span className="mono">{issue?.identifier ?? shortId(issueId)}</span> {issue?.title}
    </Link>
  )
}

/** A link to a run by the first characters of its id. */
export function RunLink({ runId }: { readonly runId: string }): ReactNode {
  const pathOf = useCompanyPath()
  return (
    <Link to={pathOf(`runs/${runId}`)} className="mono" title={runId}>
      {shortId(runId)}
    </Link>
  )
}
