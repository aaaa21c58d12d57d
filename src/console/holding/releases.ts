// The issues of one force-release, each with where it stands: pure, so that the rules are tested without a browser.

import { ApiProblem } from '../api/client.ts'
import type { ForceReleased, Hold } from '../api/types.ts'
import { heldBy } from './liveness.ts'

export type ReleaseState =
  /** `last` is the preview before the options changed, so that the row keeps its height. */
  | { readonly kind: 'previewing'; readonly last: ForceReleased | null }
  | { readonly kind: 'ready'; readonly preview: ForceReleased }
  /** No run holds the issue any more: there is nothing to end. */
  | { readonly kind: 'free' }
  | { readonly kind: 'sending'; readonly preview: ForceReleased }
  | { readonly kind: 'refused'; readonly problem: ApiProblem; readonly preview: ForceReleased | null }
  | { readonly kind: 'done'; readonly result: ForceReleased }

/** One issue of a force-release. */
export interface Release {
  readonly hold: Hold
  readonly state: ReleaseState
  /** The holder that the person has seen last. */
  readonly seenRunId: string | null
  /** Another run holds the issue than the one that the person saw before, so that it has to be confirmed again. */
  readonly hasChanged: boolean
}

export const firstRelease = (hold: Hold): Release => ({
  hold,
  state: { kind: 'previewing', last: null },
  seenRunId: heldBy(hold),
  hasChanged: false,
})

/** The preview that a row shows; null where there is none. */
export function previewOf({ state }: Release): ForceReleased | null {
  if (state.kind === 'previewing') return state.last
  return state.kind === 'ready' || state.kind === 'sending' || state.kind === 'refused' ? state.preview : null
}

/** The issue before it is previewed again. */
export const withNewPreview = (release: Release): Release => ({ ...release, state: { kind: 'previewing', last: previewOf(release) } })

const heldIn = ({ previous }: ForceReleased): readonly string[] =>
  [previous.executionRunId, previous.checkoutRunId].filter((runId) => runId !== null)

/** The issue after the answer of a dry run. */
export function withPreview(release: Release, preview: ForceReleased): Release {
  const [runId = null, ...others] = heldIn(preview)
  if (runId === null) return { ...release, state: { kind: 'free' } }
  const isSame = release.seenRunId !== null && [runId, ...others].includes(release.seenRunId)
  const seenRunId = isSame ? release.seenRunId : runId
  return { ...release, seenRunId, hasChanged: release.hasChanged || !isSame, state: { kind: 'ready', preview } }
}

export const withRefusal = (release: Release, problem: ApiProblem): Release => ({
  ...release,
  state: { kind: 'refused', problem, preview: release.state.kind === 'sending' ? release.state.preview : null },
})

/** No answer, or one that says "later": the same request may succeed. */
const mayRepeat = ({ status }: ApiProblem): boolean => status === 0 || status === 429 || status >= 500

/** The issues that a confirmation would send now, each with its preview. */
export const toSend = (releases: readonly Release[]): readonly { readonly release: Release; readonly preview: ForceReleased }[] =>
  releases.flatMap((release) => {
    const { state } = release
    const isReady = state.kind === 'ready' || (state.kind === 'refused' && mayRepeat(state.problem))
    return isReady && state.preview !== null ? [{ release, preview: state.preview }] : []
  })

/** How many issues are in each state. */
export function countReleases(releases: readonly Release[]): Readonly<Record<ReleaseState['kind'], number>> {
  const counts = { previewing: 0, ready: 0, free: 0, sending: 0, refused: 0, done: 0 }
  for (const { state } of releases) counts[state.kind] += 1
  return counts
}

/** The words on the button that confirms. A single issue has its identifier. */
export function confirmWords(releases: readonly Release[]): string {
  const named = releases.length === 1 ? releases : toSend(releases).map(({ release }) => release)
  const [only] = named
  return named.length === 1 && only !== undefined ? `Force-release ${only.hold.identifier}` : `Force-release ${named.length} issues`
}
