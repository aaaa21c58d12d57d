import type { Agent, Run } from '../../api/types.ts'
import type { Column } from '../../parts/DataTable.tsx'
import { duration } from '../../parts/time.ts'
import { Time } from '../../parts/Time.tsx'
import { AgentLink, IssueLink, RunLink } from './links.tsx'
import { RunDuration, RunState } from './RunState.tsx'
import { costOf, triggerOf } from './words.ts'

const errorOf = ({ error, errorCode }: Run): string => error ?? errorCode ?? ''

/** The columns of the list of runs. */
export const columnsOf = (agents: readonly Agent[]): readonly Column<Run>[] => [
  { key: 'run', title: 'Run', cell: ({ id }) => <RunLink runId={id} />, text: ({ id }) => id },
  { key: 'status', title: 'Status', cell: (run) => <RunState run={run} />, text: ({ status }) => status },
  {
    key: 'agent',
    title: 'Agent',
    cell: ({ agentId }) => <AgentLink agentId={agentId} agents={agents} />,
    text: ({ agentId }) => agents.find(({ id }) => id === agentId)?.name ?? agentId,
  },
  {
    key: 'issue',
    title: 'Issue',
    cell: ({ issueId }) => <IssueLink issueId={issueId} />,
    text: ({ issueId }) => issueId ?? '',
    isSecondary: true,
  },
  {
    key: 'started',
    title: 'Started',
    cell: ({ startedAt }) => (startedAt === null ? <span className="soft">not yet</span> : <Time at={startedAt} />),
    text: ({ startedAt }) => startedAt ?? '',
  },
  {
    key: 'duration',
    title: 'Duration',
    cell: (run) => <RunDuration run={run} />,
    text: ({ startedAt, finishedAt }) =>
      startedAt === null || finishedAt === null ? '' : duration(Date.parse(finishedAt) - Date.parse(startedAt)),
    isSecondary: true,
  },
  { key: 'trigger', title: 'Trigger', cell: triggerOf, text: triggerOf, isSecondary: true },
  { key: 'cost', title: 'Cost', cell: (run) => costOf(run) ?? '', text: (run) => costOf(run) ?? '', isSecondary: true, isNumber: true },
  {
    key: 'error',
    title: 'Error',
    cell: (run) => (
      <span title={run.errorCode === null ? undefined : `${errorOf(run)} (${run.errorCode})`}>{errorOf(run).split('\n', 1)[0]}</span>
    ),
    text: errorOf,
    isSecondary: true,
  },
]
