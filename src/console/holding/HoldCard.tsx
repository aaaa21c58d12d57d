import { useState } from 'react'
import type { ReactNode } from 'react'
import type { Hold } from '../api/types.ts'
import { useCompanyPath } from '../frame/company.tsx'
import { Fact, Facts } from '../parts/Facts.tsx'
import { Time } from '../parts/Time.tsx'
import { formatNumber } from '../parts/time.ts'
import { Link } from '../router/Link.tsx'
import { ForceRelease } from './ForceRelease.tsx'
import { actWords } from './history.ts'
import { HoldLiveness } from './HoldLiveness.tsx'
import { LeaseBar } from './LeaseBar.tsx'
import { RunLink } from './RunLink.tsx'

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

/** The agents whose wakes wait for the issue, the next one first. */
function Waiting({ hold: { waiting, waitingWakes } }: { readonly hold: Hold }): ReactNode {
  const pathOf = useCompanyPath()
  if (waitingWakes === 0) return <span className="soft">nothing</span>
  const others = waitingWakes - waiting.length
  return (
    <ol className="waiting">
      {waiting.map(({ agentId, agentName, since }, at) => (
        <li key={`${agentId}${since}`}>
          <Link to={pathOf(`agents/${agentId}`)}>{agentName}</Link>
          {at === 0 ? ' is next, woken ' : ', woken '}
          <Time at={since} />
        </li>
      ))}
      {others > 0 && <li className="soft">and {formatNumber(others)} more</li>}
    </ol>
  )
}

function HoldFacts({ hold }: { readonly hold: Hold }): ReactNode {
  const { holder, heldSince, lockEpoch, lastAct } = hold
  return (
    <Facts>
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
      <Fact name="Last act">
        {lastAct === null ? (
          <span className="soft">none is recorded</span>
        ) : (
          <>
            {actWords(lastAct.action)}, <Time at={lastAct.at} />
          </>
        )}
      </Fact>
      <Fact name="Waits behind it">
        <Waiting hold={hold} />
      </Fact>
      <Fact name="Epoch">{formatNumber(lockEpoch)}</Fact>
    </Facts>
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
          <HoldFacts hold={hold} />
          <button type="button" className="secondary" onClick={() => setReleasing(true)}>
            Force-release
          </button>
        </>
      )}
      {isReleasing && <ForceRelease holds={[hold]} onClose={() => setReleasing(false)} />}
    </div>
  )
}
