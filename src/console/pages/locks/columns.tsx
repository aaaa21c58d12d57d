import type { ReactNode } from 'react'
import { serverNow } from '../../api/serverClock.ts'
import type { Hold } from '../../api/types.ts'
import { HoldLiveness } from '../../holding/HoldLiveness.tsx'
import { actWords } from '../../holding/history.ts'
import { LeaseBar } from '../../holding/LeaseBar.tsx'
import { heldBy, livenessOf } from '../../holding/liveness.ts'
import { RunLink } from '../../holding/RunLink.tsx'
import type { Column } from '../../parts/DataTable.tsx'
import { wordsOf } from '../../parts/Status.tsx'
import { Time } from '../../parts/Time.tsx'
import { formatNumber } from '../../parts/time.ts'
import { Link } from '../../router/Link.tsx'

interface ColumnOptions {
  readonly pathOf: (path: string) => string
  readonly onLook: (hold: Hold) => void
  /** Null while rows are selected: then the act is that of the selection. */
  readonly onRelease: ((hold: Hold) => void) | null
}

interface CellProps extends Pick<ColumnOptions, 'pathOf'> {
  readonly hold: Hold
}

const Unknown = ({ words = 'unknown' }: { readonly words?: string }): ReactNode => <span className="soft">{words}</span>

function IssueCell({ hold, pathOf, onLook }: CellProps & Pick<ColumnOptions, 'onLook'>): ReactNode {
  const { identifier, title, issueStatus, lastAct } = hold
  return (
    <span className="two-lines">
      <span className="lock-issue">
        <Link to={pathOf(`issues/${identifier}`)} className="mono">
          {identifier}
        </Link>
        <button type="button" className="look" title={`${title} (look: space)`} onClick={() => onLook(hold)}>
          {title}
        </button>
      </span>
      <span className="soft only-wide">
        {wordsOf(issueStatus)}
        {lastAct !== null && (
          <>
            {' · '}
            <span className="hidden">last act: </span>
            {actWords(lastAct.action)}, <Time at={lastAct.at} />
          </>
        )}
      </span>
      <span className="only-phone">
        <HoldLiveness hold={hold} />
      </span>
    </span>
  )
}

function HolderCell({ hold, pathOf }: CellProps): ReactNode {
  const { holder } = hold
  const runId = heldBy(hold)
  return (
    <span className="two-lines">
      {holder === null ? <Unknown words="unknown agent" /> : <Link to={pathOf(`agents/${holder.agentId}`)}>{holder.agentName}</Link>}
      {runId !== null && (holder === null ? <span className="mono soft">run {runId.slice(0, 8)}</span> : <RunLink runId={runId} />)}
    </span>
  )
}

function WaitsCell({ hold: { waiting, waitingWakes } }: Pick<CellProps, 'hold'>): ReactNode {
  if (waitingWakes === 0) return <Unknown words="none" />
  const agents = [...new Set(waiting.map(({ agentName }) => agentName))].join(', ')
  return (
    <span className="two-lines" title={agents}>
      <span>{formatNumber(waitingWakes)}</span>
      <span className="soft">{agents}</span>
    </span>
  )
}

const waitsText = ({ waiting, waitingWakes }: Hold): string =>
  waitingWakes === 0 ? '0' : `${waitingWakes}: ${waiting.map(({ agentName }) => agentName).join(', ')}`

/** The issue and its holder. */
const subjectColumns = ({ pathOf, onLook }: Omit<ColumnOptions, 'onRelease'>): readonly Column<Hold>[] => [
  {
    key: 'issue',
    title: 'Issue',
    sorts: 'issue',
    cell: (hold) => <IssueCell hold={hold} pathOf={pathOf} onLook={onLook} />,
    text: ({ identifier, title }) => `${identifier} ${title}`,
  },
  {
    key: 'holder',
    title: 'Holder',
    sorts: 'holder',
    width: '120px',
    isSecondary: true,
    cell: (hold) => <HolderCell hold={hold} pathOf={pathOf} />,
    text: (hold) => `${hold.holder?.agentName ?? ''} ${heldBy(hold) ?? ''}`,
  },
]

/** The times of the hold. */
const timeColumns: readonly Column<Hold>[] = [
  {
    key: 'alive',
    title: 'Alive',
    sorts: 'alive',
    width: '154px',
    isSecondary: true,
    cell: (hold) => <HoldLiveness hold={hold} />,
    text: (hold) => livenessOf(hold, serverNow()).words,
  },
  {
    key: 'since',
    title: 'Held since',
    sorts: 'since',
    width: '110px',
    isSecondary: true,
    cell: ({ heldSince }) => (heldSince === null ? <Unknown /> : <Time at={heldSince} />),
    text: ({ heldSince }) => heldSince ?? '',
  },
  {
    key: 'heartbeat',
    title: 'Heartbeat',
    sorts: 'heartbeat',
    width: '110px',
    isSecondary: true,
    cell: ({ holder }) => (holder === null ? <Unknown /> : <Time at={holder.lastSeenAt} />),
    text: ({ holder }) => holder?.lastSeenAt ?? '',
  },
  {
    key: 'lease',
    title: 'Lease',
    sorts: 'lease',
    width: '88px',
    isSecondary: true,
    cell: ({ holder }) => (holder === null ? <Unknown words="none" /> : <LeaseBar holder={holder} />),
    text: ({ holder }) => holder?.leaseExpiresAt ?? '',
  },
]

/** The columns of the locks. */
export const columnsOf = ({ onRelease, ...options }: ColumnOptions): readonly Column<Hold>[] => [
  ...subjectColumns(options),
  ...timeColumns,
  {
    key: 'epoch',
    title: 'Epoch',
    sorts: 'epoch',
    width: '64px',
    isSecondary: true,
    isNumber: true,
    cell: ({ lockEpoch }) => formatNumber(lockEpoch),
    text: ({ lockEpoch }) => String(lockEpoch),
  },
  {
    key: 'waits',
    title: 'Waits behind',
    sorts: 'waits',
    width: '108px',
    isSecondary: true,
    cell: (hold) => <WaitsCell hold={hold} />,
    text: waitsText,
  },
  {
    key: 'act',
    title: 'Act',
    width: '128px',
    cell: (hold) =>
      onRelease !== null && (
        <button type="button" className="secondary" title={`Force-release ${hold.identifier}`} onClick={() => onRelease(hold)}>
          Force-release
        </button>
      ),
  },
]
