import { useCallback, useEffect, useRef, useState } from 'react'
import { useAct } from '../api/acts.ts'
import { inBackground } from '../api/background.ts'
import { ApiProblem } from '../api/client.ts'
import { newKey } from '../api/idempotency.ts'
import { inTurns } from '../api/inTurns.ts'
import type { Hold } from '../api/types.ts'
import { previewRelease, sendRelease } from './data.ts'
import type { ReleaseOrder } from './data.ts'
import { firstRelease, toSend, withNewPreview, withPreview, withRefusal } from './releases.ts'
import type { Release } from './releases.ts'

export type ReleaseOptions = Pick<ReleaseOrder, 'cancelsRun' | 'clearsAssignee'>

/** Requests at once. A browser has six connections to a server, and the events need one. */
const WIDTH = 3
/** The reads that a force-release may change. */
const CHANGED = ['holds', 'issues', 'issue', 'runs', 'run', 'agents', 'figures', 'stalled', 'activity']

export interface Releases {
  readonly releases: readonly Release[]
  readonly isSending: boolean
  /** Sends one request for each issue that is confirmed. It never refuses: refusals are in the rows. */
  readonly send: (reason: string) => void
}

const problemOf = (error: unknown): ApiProblem => {
  if (error instanceof ApiProblem) return error
  throw error
}

/** The same key for the same order, so that a repetition after a lost answer has one effect. */
function useOrderKeys(): (order: ReleaseOrder) => string {
  const keys = useRef(new Map<string, string>())
  return (order) => {
    const name = JSON.stringify(order)
    const key = keys.current.get(name) ?? newKey()
    keys.current.set(name, key)
    return key
  }
}

interface Rows {
  readonly releases: readonly Release[]
  /** The rows as they are now, also between two renderings. */
  readonly latest: { readonly current: readonly Release[] }
  readonly change: (issueId: string, to: (release: Release) => Release) => void
}

/** The issues of a force-release: those of the first rendering, so that nothing moves under the hand of the person. */
function useRows(holds: readonly Hold[]): Rows {
  const [releases, setReleases] = useState<readonly Release[]>(() => holds.map(firstRelease))
  const latest = useRef(releases)
  const change = useCallback((issueId: string, to: (release: Release) => Release): void => {
    latest.current = latest.current.map((release) => (release.hold.issueId === issueId ? to(release) : release))
    setReleases(latest.current)
  }, [])
  return { releases, latest, change }
}

type Preview = (issueId: string, signal: AbortSignal) => Promise<void>

/** Previews every issue, and again when an option changes. @returns previews one issue again */
function usePreviews({ latest, change }: Rows, { cancelsRun, clearsAssignee }: ReleaseOptions): Preview {
  const preview = useCallback<Preview>(
    async (issueId, signal) => {
      try {
        const answer = await previewRelease({ issueId, cancelsRun, clearsAssignee }, signal)
        if (!signal.aborted) change(issueId, (release) => withPreview(release, answer))
      } catch (error) {
        if (!signal.aborted) change(issueId, (release) => withRefusal(release, problemOf(error)))
      }
    },
    [cancelsRun, clearsAssignee, change],
  )
  useEffect(() => {
    const control = new AbortController()
    const open = latest.current.filter(({ state }) => state.kind !== 'done' && state.kind !== 'free')
    const ids = open.map(({ hold }) => hold.issueId)
    for (const id of ids) change(id, withNewPreview)
    const look = async (id: string): Promise<void> => await preview(id, control.signal)
    inBackground(inTurns(ids, WIDTH, look, () => !control.signal.aborted))
    return () => control.abort()
  }, [preview, change, latest])
  return preview
}

/** Aborted when the component is not shown any more. */
function useLifetime(): () => AbortSignal {
  const control = useRef(new AbortController())
  useEffect(() => {
    if (control.current.signal.aborted) control.current = new AbortController()
    return () => control.current.abort()
  }, [])
  return () => control.current.signal
}

/** The previews of a force-release, and then its requests, by issue. When the dialog closes, the requests that are left are not sent. */
export function useReleases(holds: readonly Hold[], { cancelsRun, clearsAssignee }: ReleaseOptions): Releases {
  const rows = useRows(holds)
  const { releases, latest, change } = rows
  const preview = usePreviews(rows, { cancelsRun, clearsAssignee })
  const lifetime = useLifetime()
  const keyOf = useOrderKeys()
  const sendOne = async (order: ReleaseOrder): Promise<void> => {
    const { issueId } = order
    try {
      const result = await sendRelease(order, keyOf(order))
      change(issueId, (release) => ({ ...release, state: { kind: 'done', result } }))
    } catch (error) {
      const problem = problemOf(error)
      if (problem.code === 'holder_changed') await preview(issueId, lifetime())
      else change(issueId, (release) => withRefusal(release, problem))
    }
  }
  const act = useAct<string, undefined>(CHANGED, async (reason) => {
    const confirmed = toSend(latest.current)
    for (const { release, preview: seen } of confirmed)
      change(release.hold.issueId, (now) => ({ ...now, state: { kind: 'sending', preview: seen } }))
    const orders = confirmed.map(({ release: { hold, seenRunId: expectedRunId } }): ReleaseOrder => {
      const { issueId } = hold
      return { issueId, expectedRunId, reason, cancelsRun, clearsAssignee }
    })
    await inTurns(orders, WIDTH, sendOne, () => !lifetime().aborted)
    return undefined
  })
  return { releases, isSending: act.isPending, send: act.mutate }
}
