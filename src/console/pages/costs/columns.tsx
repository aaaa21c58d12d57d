import type { ReactNode } from 'react'
import type { CostByAgent, CostByAgentModel, CostByBiller, CostByProject, CostByProvider } from '../../api/types.ts'
import { useCompanyPath } from '../../frame/company.tsx'
import type { Column } from '../../parts/DataTable.tsx'
import { Meter } from '../../parts/Meter.tsx'
import { formatCents } from '../../parts/money.ts'
import { formatNumber } from '../../parts/time.ts'
import { Link } from '../../router/Link.tsx'
import { billingOf, runsOf, runsWords, shareOf } from './words.ts'

/** The figures that every list of costs has. */
export interface Spent {
  readonly costCents: number
  readonly inputTokens: number
  readonly cachedInputTokens: number
  readonly outputTokens: number
  readonly unpricedEventCount: number
}

interface Runs {
  readonly apiRunCount: number
  readonly subscriptionRunCount: number
}

const sumOf = (rows: readonly Spent[]): number => rows.reduce((sum, { costCents }) => sum + costCents, 0)

const Cost = ({ row: { costCents, unpricedEventCount } }: { readonly row: Spent }): ReactNode => (
  <>
    {unpricedEventCount > 0 && (
      <span className="unpriced" title={`${formatNumber(unpricedEventCount)} events without a known price are not in it`}>
        <span aria-hidden="true">▲</span>
        <span className="hidden">At least </span>{' '}
      </span>
    )}
    {formatCents(costCents)}
  </>
)

/** The columns of the figures. @param rows the whole list, of which each row has a share */
const spentColumns = (rows: readonly Spent[]): readonly Column<Spent>[] => {
  const total = sumOf(rows)
  return [
    { key: 'cost', title: 'Cost', cell: (row) => <Cost row={row} />, isNumber: true },
    { key: 'share', title: 'Share', cell: ({ costCents }) => <Meter percent={shareOf(costCents, total)} /> },
    { key: 'input', title: 'Input tokens', cell: ({ inputTokens }) => formatNumber(inputTokens), isNumber: true, isSecondary: true },
    {
      key: 'cached',
      title: 'Cached tokens',
      cell: ({ cachedInputTokens }) => formatNumber(cachedInputTokens),
      isNumber: true,
      isSecondary: true,
    },
    { key: 'output', title: 'Output tokens', cell: ({ outputTokens }) => formatNumber(outputTokens), isNumber: true, isSecondary: true },
  ]
}

const runsColumn: Column<Runs> = {
  key: 'runs',
  title: 'Runs',
  cell: (row) => <span title={runsWords(row)}>{formatNumber(runsOf(row))}</span>,
  isNumber: true,
  isSecondary: true,
}

const AgentName = ({ row: { agentId, agentName } }: { readonly row: Pick<CostByAgent, 'agentId' | 'agentName'> }): ReactNode => {
  const pathOf = useCompanyPath()
  return agentName === null ? (
    <span className="soft" title={agentId}>
      deleted agent {agentId.slice(0, 8)}
    </span>
  ) : (
    <Link to={pathOf(`agents/${agentId}`)}>{agentName}</Link>
  )
}

const ProjectName = ({ row: { projectId, projectName } }: { readonly row: CostByProject }): ReactNode => {
  const pathOf = useCompanyPath()
  if (projectId === null) return <span className="soft">no project</span>
  return projectName === null ? (
    <span className="soft" title={projectId}>
      deleted project {projectId.slice(0, 8)}
    </span>
  ) : (
    <Link to={pathOf(`projects/${projectId}`)}>{projectName}</Link>
  )
}

type Columns<T> = (rows: readonly T[]) => readonly Column<T>[]

export const agentColumns: Columns<CostByAgent> = (rows) => [
  { key: 'agent', title: 'Agent', cell: (row) => <AgentName row={row} /> },
  ...spentColumns(rows),
  runsColumn,
]

export const modelColumns: Columns<CostByAgentModel> = (rows) => [
  { key: 'model', title: 'Model', cell: ({ model }) => <span className="mono">{model}</span> },
  { key: 'agent', title: 'Agent', cell: (row) => <AgentName row={row} /> },
  { key: 'billing', title: 'Paid', cell: ({ billingType }) => billingOf(billingType), isSecondary: true },
  ...spentColumns(rows),
]

export const providerColumns: Columns<CostByProvider> = (rows) => [
  { key: 'provider', title: 'Provider', cell: ({ provider }) => provider },
  { key: 'model', title: 'Model', cell: ({ model }) => <span className="mono">{model}</span> },
  { key: 'biller', title: 'Biller', cell: ({ biller }) => biller, isSecondary: true },
  { key: 'billing', title: 'Paid', cell: ({ billingType }) => billingOf(billingType), isSecondary: true },
  ...spentColumns(rows),
  runsColumn,
]

export const billerColumns: Columns<CostByBiller> = (rows) => [
  { key: 'biller', title: 'Biller', cell: ({ biller }) => biller },
  ...spentColumns(rows),
  runsColumn,
  { key: 'providers', title: 'Providers', cell: ({ providerCount }) => formatNumber(providerCount), isNumber: true, isSecondary: true },
  { key: 'models', title: 'Models', cell: ({ modelCount }) => formatNumber(modelCount), isNumber: true, isSecondary: true },
]

export const projectColumns: Columns<CostByProject> = (rows) => [
  { key: 'project', title: 'Project', cell: (row) => <ProjectName row={row} /> },
  ...spentColumns(rows),
]
