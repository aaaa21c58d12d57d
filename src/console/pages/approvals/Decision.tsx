import { useId, useRef, useState } from 'react'
import type { KeyboardEvent, ReactNode } from 'react'
import type { ApiProblem } from '../../api/client.ts'
import type { ApprovalDetail, Whoami } from '../../api/types.ts'
import { useRead } from '../../api/reads.ts'
import { useKeys } from '../../keys/keys.ts'
import { notify } from '../../parts/notices.tsx'
import { Problem } from '../../parts/Problem.tsx'
import { ChangedBy } from '../../people/ChangedBy.tsx'
import { useDecide } from './data.ts'
import { useDraftText } from './drafts.ts'
import { effectOf, isOpen, outcomeWords, titleOf } from './words.ts'
import type { Outcome } from './words.ts'
import type { Seen } from './useSeen.ts'

interface DecisionProps {
  readonly approval: ApprovalDetail
  readonly etag: string | null
  readonly seen: Seen
}

/** Refusals that say that another person or the agent was faster. */
const overtaken: ReadonlySet<string> = new Set(['approval_changed', 'approval_decided', 'precondition_failed', 'approval_cancelled'])

interface DecisionState {
  /** The decision that is being written; null for none. */
  readonly outcome: Outcome | null
  readonly note: string
  readonly setNote: (note: string) => void
  readonly mayDecide: boolean
  readonly isPending: boolean
  readonly problem: ApiProblem | null
  readonly choose: (outcome: Outcome) => () => void
  readonly cancel: () => void
  readonly submit: () => void
}

function useDecision({ approval, etag, seen }: DecisionProps): DecisionState {
  const [outcome, setOutcome] = useState<Outcome | null>(null)
  const [note, setNote] = useDraftText(`decision ${approval.id}`)
  const decide = useDecide(approval.id)
  const userId = useRead<Whoami>(['whoami', null], '/whoami').data?.data.userId ?? null
  const mayDecide = isOpen(approval) && approval.payloadHash !== undefined
  const done = (decided: ApprovalDetail): void => {
    // The same decision by another person is no refusal, but the note of that one is stored.
    const isOwn = decided.decidedByUserId === userId && (decided.decisionNote ?? '') === note.trim()
    if (!isOwn || outcome === null) return
    notify(`${outcomeWords[outcome].done}: ${titleOf(approval)}`)
    setNote('')
    setOutcome(null)
  }
  return {
    outcome,
    note,
    setNote,
    mayDecide,
    isPending: decide.isPending,
    problem: decide.error,
    choose: (chosen) => () => {
      if (!mayDecide || (chosen === 'request-revision' && approval.status !== 'pending')) return
      decide.reset()
      setOutcome(chosen)
    },
    cancel: () => setOutcome(null),
    submit: () => {
      const { payloadHash } = seen.version
      if (outcome === null || payloadHash === undefined || seen.isChanged || decide.isPending) return
      decide.mutate({ outcome, note: note.trim(), payloadHash, etag }, { onSuccess: done })
    },
  }
}

/** The three decisions, by keys too. The form is below what it decides about, and covers nothing of it. */
export function Decision(props: DecisionProps): ReactNode {
  const { approval, seen } = props
  const state = useDecision(props)
  const { outcome, mayDecide, choose, cancel, problem } = state
  useKeys('Decision', [
    { keys: 'a', label: 'Approve', run: choose('approve') },
    { keys: 'r', label: 'Reject, with a note', run: choose('reject') },
    { keys: 'v', label: 'Ask for revision, with a note', run: choose('request-revision') },
    ...(outcome === null ? [] : [{ keys: 'escape', label: 'Leave the decision', run: cancel }]),
  ])
  const isOver = !isOpen(approval)
  if (outcome === null && isOver) return null
  if (outcome === null && !mayDecide)
    return <p className="decision soft">Owners and administrators of the company decide. Your role only shows the request.</p>
  return (
    <section className="decision" aria-label="Decision">
      {problem !== null && <Problem problem={problem} />}
      {seen.isChanged && <p>Read the new version above first.</p>}
      {isOver && <p role="alert">It was decided meanwhile. What you typed is kept until you cancel.</p>}
      {outcome !== null && (isOver || overtaken.has(problem?.code ?? '')) && <ChangedBy entityType="approval" entityId={approval.id} />}
      {outcome === null ? (
        <Choices approval={approval} isBlocked={seen.isChanged} choose={choose} />
      ) : (
        <DecisionForm key={outcome} approval={approval} outcome={outcome} state={state} isBlocked={seen.isChanged} />
      )}
    </section>
  )
}

interface ChoicesProps {
  readonly approval: ApprovalDetail
  readonly isBlocked: boolean
  readonly choose: (outcome: Outcome) => () => void
}

const Choices = ({ approval, isBlocked, choose }: ChoicesProps): ReactNode => (
  <div className="row">
    <button type="button" disabled={isBlocked} aria-keyshortcuts="a" onClick={choose('approve')}>
      Approve <kbd aria-hidden="true">a</kbd>
    </button>
    {approval.status === 'pending' && (
      <button type="button" className="secondary" disabled={isBlocked} aria-keyshortcuts="v" onClick={choose('request-revision')}>
        Ask for revision <kbd aria-hidden="true">v</kbd>
      </button>
    )}
    <button type="button" className="secondary" disabled={isBlocked} aria-keyshortcuts="r" onClick={choose('reject')}>
      Reject <kbd aria-hidden="true">r</kbd>
    </button>
  </div>
)

interface DecisionFormProps {
  readonly approval: ApprovalDetail
  readonly outcome: Outcome
  readonly state: DecisionState
  readonly isBlocked: boolean
}

/** The effect of the decision. */
function Effect({ approval, outcome }: { readonly approval: ApprovalDetail; readonly outcome: Outcome }): ReactNode {
  const dangers = outcome === 'approve' ? (approval.warnings?.length ?? 0) : 0
  return (
    <p>
      <strong>{outcomeWords[outcome].act}.</strong> {effectOf(approval, outcome)}
      {dangers > 0 && ` ▲ ${dangers === 1 ? 'One thing is' : `${dangers} things are`} marked above.`}
    </p>
  )
}

function DecisionForm({ approval, outcome, state, isBlocked }: DecisionFormProps): ReactNode {
  const { note, setNote, cancel, submit, isPending, mayDecide } = state
  const { act } = outcomeWords[outcome]
  const field = useId()
  const form = useRef<HTMLFormElement>(null)
  const isApproval = outcome === 'approve'
  const onKey = (event: KeyboardEvent): void => {
    if (event.key === 'Escape') {
      event.preventDefault()
      cancel()
    } else if (event.key === 'Enter' && (event.ctrlKey || event.metaKey)) {
      event.preventDefault()
      form.current?.requestSubmit()
    }
  }
  return (
    <form
      ref={form}
      aria-label={act}
      onKeyDown={onKey}
      onSubmit={(event) => {
        event.preventDefault()
        submit()
      }}
    >
      <Effect approval={approval} outcome={outcome} />
      <div className="field">
        <label htmlFor={field}>Note{isApproval ? ' (not required)' : ''}</label>
        <textarea
          id={field}
          rows={isApproval ? 1 : 3}
          maxLength={20_000}
          value={note}
          required={!isApproval}
          autoFocus={!isApproval}
          onChange={({ target }) => setNote(target.value)}
        />
      </div>
      <div className="row">
        <button
          type="submit"
          className={outcome === 'reject' ? 'danger' : ''}
          disabled={isBlocked || isPending || !mayDecide}
          autoFocus={isApproval}
        >
          {act}
        </button>
        <button type="button" className="secondary" onClick={cancel}>
          Cancel
        </button>
        <span className="soft keys-hint">
          <kbd>Ctrl</kbd> or <kbd>⌘</kbd> + <kbd>Enter</kbd> sends, <kbd>Esc</kbd> cancels
        </span>
      </div>
    </form>
  )
}
