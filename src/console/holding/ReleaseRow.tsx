import type { ReactNode } from 'react'
import type { ForceReleased } from '../api/types.ts'
import { useCompanyPath } from '../frame/company.tsx'
import { Problem } from '../parts/Problem.tsx'
import { Status, wordsOf } from '../parts/Status.tsx'
import { useNow } from '../parts/Time.tsx'
import { Link } from '../router/Link.tsx'
import { livenessOfRun } from './liveness.ts'
import type { Names } from './names.ts'
import { previewOf } from './releases.ts'
import type { Release } from './releases.ts'
import { RunLink } from './RunLink.tsx'

type Evicted = ForceReleased['evicted'][number]

interface RunProps {
  readonly run: Evicted
  readonly release: Release
  readonly names: Names
}

/** Whether a run that would be evicted lives: with its lease, where the list of holds had that run. */
function EvictedLiveness({ run, release }: Omit<RunProps, 'names'>): ReactNode {
  const now = useNow()
  const { holder } = release.hold
  if (holder?.runId === run.runId) {
    const { state, tone, words } = livenessOfRun({ ...holder, status: run.status, live: run.live }, now)
    return <Status of={state} tone={tone} words={words} />
  }
  const isUnended = run.status === 'queued' || run.status === 'running'
  if (run.live) return <Status of="live" />
  return <Status of="dead" words={isUnended ? 'dead: lease ran out' : `dead: run ${wordsOf(run.status)}`} />
}

const Evicts = ({ run, release, names }: RunProps): ReactNode => (
  <li>
    Evicts <strong>{names.agent(run.agentId)}</strong>, <RunLink runId={run.runId} />: <EvictedLiveness run={run} release={release} />
    {run.live && <span className="soft">. Its next write is refused, and what it has not written is lost</span>}
  </li>
)

/** The effects that the force-release of one issue would have, by the dry run of the server. */
function Preview({
  preview,
  release,
  names,
}: {
  readonly preview: ForceReleased
  readonly release: Release
  readonly names: Names
}): ReactNode {
  const { hold } = release
  const { evicted, cancelledRunIds, issue, next } = preview
  const losesAssignee = hold.assigneeAgentId !== null && issue.assigneeAgentId === null
  return (
    <ul>
      {evicted.map((run) => (
        <Evicts key={run.runId} run={run} release={release} names={names} />
      ))}
      {evicted.length === 0 && <li>Clears the name of a run that does not exist</li>}
      {cancelledRunIds.length > 0 && <li>Cancels {cancelledRunIds.length === 1 ? 'its run' : `${cancelledRunIds.length} runs`}</li>}
      {losesAssignee && hold.assigneeAgentId !== null && <li>Removes {names.agent(hold.assigneeAgentId)} as the assignee</li>}
      {issue.status !== hold.issueStatus && (
        <li>
          Moves the issue from {wordsOf(hold.issueStatus)} to {wordsOf(issue.status)}
        </li>
      )}
      {next === null ? (
        <li>{hold.waitingWakes === 0 ? 'No wake waits' : 'No waiting wake may get it'}: the issue stays free until a run takes it</li>
      ) : (
        <li>
          Next: <strong>{names.agent(next.agentId)}</strong> gets a run for it
        </li>
      )}
    </ul>
  )
}

/** The effects of the force-release of one issue. */
function Result({
  result,
  release,
  names,
}: {
  readonly result: ForceReleased
  readonly release: Release
  readonly names: Names
}): ReactNode {
  const pathOf = useCompanyPath()
  const { hold } = release
  const { evicted, cancelledRunIds, issue, next } = result
  return (
    <ul>
      {evicted.map(({ runId, agentId }) => (
        <li key={runId}>
          {names.agent(agentId)}, <RunLink runId={runId} />, is evicted{cancelledRunIds.includes(runId) && ' and cancelled'}: its next write
          to {hold.identifier} is refused with 409
        </li>
      ))}
      {next === null ? (
        <li>Free now: the next run that asks for it gets it</li>
      ) : (
        <li>
          Next: {names.agent(next.agentId)}
          {next.runId !== null && (
            <>
              , <RunLink runId={next.runId} />, is queued for it
            </>
          )}
        </li>
      )}
      <li>
        Recorded as epoch {issue.lockEpoch}: <Link to={pathOf(`activity?entityId=${hold.issueId}`)}>audit row of {hold.identifier}</Link>
      </li>
    </ul>
  )
}

function State({ release, names }: { readonly release: Release; readonly names: Names }): ReactNode {
  const { state } = release
  switch (state.kind) {
    case 'previewing':
      return <span className="soft">Looking</span>
    case 'sending':
      return <Status of="sending" tone="busy" words="releasing" />
    case 'done':
      return <Status of="done" words="released" />
    case 'refused':
      return <Status of="refused" tone="bad" words="refused" />
    case 'free':
      return <Status of="free" words="free already" />
    case 'ready':
      return release.hasChanged ? <Status of="changed" tone="warn" words={`holder changed: now ${holderIn(state.preview, names)}`} /> : null
  }
}

const holderIn = ({ evicted }: ForceReleased, names: Names): string =>
  evicted.map(({ agentId, runId }) => `${names.agent(agentId)}, run ${runId.slice(0, 8)}`).join(' and ') || 'a run that does not exist'

/** One issue of a force-release: its preview, its progress, its result. */
export function ReleaseRow({ release, names }: { readonly release: Release; readonly names: Names }): ReactNode {
  const { hold, state } = release
  const preview = previewOf(release)
  return (
    <li className={`release ${state.kind}`} aria-label={hold.identifier}>
      <div className="release-head">
        <span className="mono">{hold.identifier}</span>
        <span className="release-title">{hold.title}</span>
        <State release={release} names={names} />
      </div>
      {state.kind === 'done' ? (
        <Result result={state.result} release={release} names={names} />
      ) : (
        preview !== null && <Preview preview={preview} release={release} names={names} />
      )}
      {state.kind === 'ready' && release.hasChanged && (
        <p className="release-note" role="alert">
          The holder changed since you looked. Look at the new one, and confirm again.
        </p>
      )}
      {state.kind === 'free' && <p className="soft">No run holds it any more, so there is nothing to end.</p>}
      {state.kind === 'refused' && <Problem problem={state.problem} />}
    </li>
  )
}
