import { useState } from 'react'
import type { ReactNode } from 'react'
import type { Hold } from '../api/types.ts'
import { Dialog } from '../parts/Dialog.tsx'
import { CheckField, TextField } from '../parts/fields.tsx'
import { useNames } from './names.ts'
import { keepReason, lastReasons } from './reasons.ts'
import { ReleaseRow } from './ReleaseRow.tsx'
import { confirmWords, countReleases, toSend } from './releases.ts'
import type { Release } from './releases.ts'
import { useReleases } from './useReleases.ts'

interface ForceReleaseProps {
  /** The holds to end, as the person sees them now. */
  readonly holds: readonly Hold[]
  /** @param hasReleased whether a hold was ended */
  readonly onClose: (hasReleased: boolean) => void
}

/** The most characters of a reason that the server keeps. */
const MAX_REASON = 1000

/** How far the requests are, in words for readers of screens and a bar for the others. */
function Progress({ releases }: { readonly releases: readonly Release[] }): ReactNode {
  const { done, refused, sending, free } = countReleases(releases)
  const changed = releases.filter(({ state, hasChanged }) => state.kind === 'ready' && hasChanged).length
  const parts = [
    `${done} of ${releases.length} released`,
    ...(refused > 0 ? [`${refused} refused`] : []),
    ...(changed > 0 ? [`${changed} to confirm again`] : []),
    ...(free > 0 ? [`${free} free already`] : []),
  ]
  return (
    <div className="release-progress">
      {releases.length > 1 && <progress aria-label="Released" max={releases.length} value={releases.length - sending} />}
      <p role="status">{parts.join(', ')}.</p>
    </div>
  )
}

/** The last reasons of this browser, each a click away. */
function Reasons({ onChoose }: { readonly onChoose: (reason: string) => void }): ReactNode {
  const [reasons] = useState(lastReasons)
  if (reasons.length === 0) return null
  return (
    <div className="reasons" role="group" aria-label="Used before">
      {reasons.map((reason) => (
        <button key={reason} type="button" className="secondary" title={reason} onClick={() => onChoose(reason)}>
          {reason}
        </button>
      ))}
    </div>
  )
}

interface Order {
  readonly reason: string
  readonly cancelsRun: boolean
  readonly clearsAssignee: boolean
}

interface FieldsProps {
  readonly order: Order
  readonly onChange: (order: Order) => void
}

const Fields = ({ order, onChange }: FieldsProps): ReactNode => (
  <>
    <TextField
      label="Reason"
      value={order.reason}
      onChange={(reason) => onChange({ ...order, reason })}
      hint="The audit row keeps it."
      isRequired
      isFirst
      maxLength={MAX_REASON}
    />
    <Reasons onChoose={(reason) => onChange({ ...order, reason })} />
    <CheckField label="Also cancel the run" value={order.cancelsRun} onChange={(cancelsRun) => onChange({ ...order, cancelsRun })} />
    <CheckField
      label="Also clear the assignee"
      value={order.clearsAssignee}
      onChange={(clearsAssignee) => onChange({ ...order, clearsAssignee })}
    />
  </>
)

/** Ends holds permanently: first what will happen to each issue, then the requests one by one, then what came of each. */
export function ForceRelease({ holds, onClose }: ForceReleaseProps): ReactNode {
  const [order, setOrder] = useState<Order>({ reason: '', cancelsRun: false, clearsAssignee: false })
  const [isBlank, setBlank] = useState(false)
  const [hasSent, setSent] = useState(false)
  const { releases, isSending, send } = useReleases(holds, order)
  const names = useNames()
  const { previewing, done } = countReleases(releases)
  const isOver = !isSending && previewing === 0 && toSend(releases).length === 0
  const close = (): void => onClose(done > 0)
  const submit = (): void => {
    const reason = order.reason.trim()
    setBlank(reason === '')
    if (reason === '') return
    keepReason(reason)
    setSent(true)
    send(reason)
  }
  return (
    <Dialog title="Force-release" onClose={close}>
      <form
        className="force-release"
        onSubmit={(event) => {
          event.preventDefault()
          submit()
        }}
      >
        <p>
          This ends {releases.length === 1 ? 'the hold' : `${releases.length} holds`} permanently: an evicted run never changes or takes the
          issue again. Another run, also of the same agent, may take it.
        </p>
        <ul className="releases" role="list" tabIndex={0} aria-label="Issues to release">
          {releases.map((release) => (
            <ReleaseRow key={release.hold.issueId} release={release} names={names} />
          ))}
        </ul>
        {hasSent && <Progress releases={releases} />}
        {!(isOver && hasSent) && <Fields order={order} onChange={setOrder} />}
        {isBlank && <p role="alert">A reason is needed: the audit row keeps it.</p>}
        <Buttons isOver={isOver} isBusy={isSending || previewing > 0} words={confirmWords(releases)} onClose={close} />
      </form>
    </Dialog>
  )
}

interface ButtonsProps {
  /** Nothing is left to confirm. */
  readonly isOver: boolean
  readonly isBusy: boolean
  readonly words: string
  readonly onClose: () => void
}

function Buttons({ isOver, isBusy, words, onClose }: ButtonsProps): ReactNode {
  if (isOver)
    return (
      <footer>
        {/* An element of its own: only a new one takes the focus, and the field that had it is gone. */}
        <button key="close" type="button" autoFocus onClick={onClose}>
          Close
        </button>
      </footer>
    )
  return (
    <footer>
      <button type="button" className="secondary" onClick={onClose}>
        Cancel
      </button>
      <button type="submit" className="danger" disabled={isBusy}>
        {words}
      </button>
    </footer>
  )
}
