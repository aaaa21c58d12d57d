import { useState } from 'react'
import type { ReactNode } from 'react'
import type { Hold } from '../api/types.ts'
import { useCompanyPath } from '../frame/company.tsx'
import { Time } from '../parts/Time.tsx'
import { formatNumber } from '../parts/time.ts'
import { Link } from '../router/Link.tsx'
import { ForceRelease } from './ForceRelease.tsx'
import { HoldLiveness } from './HoldLiveness.tsx'
import { LeaseBar } from './LeaseBar.tsx'
import { RunLink } from './RunLink.tsx'

const Fact = ({ name, children }: { readonly name: string; readonly children: ReactNode }): ReactNode => (
  <div>
    <dt>{name}</dt>
    <dd>{children}</dd>
  </div>
)

function Holder({ hold }: { readonly hold: Hold }): ReactNode {
  const pathOf = useCompanyPath()
  const { holder, executionRunId, checkoutRunId } = hold
  const runId = holder?.runId ?? executionRunId ?? checkoutRunId
  return (
    <>
      {holder === null ? 'An unknown agent' : <Link to={pathOf(`agents/${holder.agentId}`)}>{holder.agentName}</Link>}
      {runId !== null && (
        <>
          {', '}
          {holder === null ? <code>run {runId.slice(0, 8)}</code> : <RunLink runId={runId} />}
        </>
      )}
    </>
  )
}

function Facts({ hold }: { readonly hold: Hold }): ReactNode {
  const { holder, heldSince, lockEpoch, waitingWakes } = hold
  return (
    <dl className="facts">
      <Fact name="Holder">
        <Holder hold={hold} />
      </Fact>
      <Fact name="Alive">
        <HoldLiveness hold={hold} />
      </Fact>
      {holder !== null && (
        <Fact name="Lease">
          <LeaseBar holder={holder} />
        </Fact>
      )}
      <Fact name="Held since">{heldSince === null ? <span className="soft">unknown</span> : <Time at={heldSince} />}</Fact>
      <Fact name="Last heartbeat">
        <Time at={holder?.lastSeenAt ?? null} />
      </Fact>
      <Fact name="Waits behind it">
        {waitingWakes === 0 ? 'Nothing' : `${formatNumber(waitingWakes)} ${waitingWakes === 1 ? 'wake' : 'wakes'}`}
      </Fact>
      <Fact name="Epoch">{formatNumber(lockEpoch)}</Fact>
    </dl>
  )
}

/** The run that holds one issue: whether it lives, since when, until when, and what waits behind it; with the act that ends the hold. */
export function HoldCard({ hold }: { readonly hold: Hold }): ReactNode {
  const [isReleasing, setReleasing] = useState(false)
  const isFree = hold.checkoutRunId === null && hold.executionRunId === null
  return (
    <div className="hold-card">
      {isFree ? (
        <p>
          No run holds this issue: an agent may take it. <span className="soft">Epoch {formatNumber(hold.lockEpoch)}.</span>
        </p>
      ) : (
        <>
          <Facts hold={hold} />
          <button type="button" className="secondary" onClick={() => setReleasing(true)}>
            Force-release
          </button>
        </>
      )}
      {isReleasing && <ForceRelease holds={[hold]} onClose={() => setReleasing(false)} />}
    </div>
  )
}
