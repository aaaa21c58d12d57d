import { useState } from 'react'
import type { ReactNode } from 'react'
import { useAct } from '../../../api/acts.ts'
import { inBackground } from '../../../api/background.ts'
import type { Answer } from '../../../api/client.ts'
import type { Comment, IssueDetail } from '../../../api/types.ts'
import { CheckField } from '../../../parts/fields.tsx'
import { notify } from '../../../parts/notices.tsx'
import { Problem } from '../../../parts/Problem.tsx'
import { CHANGED, postComment } from '../data.ts'
import type { NewComment } from '../data.ts'
import { DropArea } from '../files/DropArea.tsx'
import { markdownOf, useUploads } from '../files/uploads.ts'
import { IssueText } from '../IssueText.tsx'
import { useSendKey } from '../sendKey.ts'
import { useTyped } from '../useTyped.ts'
import type { Next } from '../useTyped.ts'
import { MentionField } from './MentionField.tsx'

/** The text that is left when a comment was sent: what was typed meanwhile. */
const restOf = (now: string, sent: string): string => (now.startsWith(sent) ? now.slice(sent.length).trimStart() : now)

/** A text with lines of its own behind it. */
const withLines = (text: string, lines: readonly string[]): string =>
  `${text}${text === '' || text.endsWith('\n') ? '' : '\n'}${lines.join('\n')}\n`

/** The place where a comment is written. It keeps its text until the server has it. */
export function Composer({ issue }: { readonly issue: IssueDetail }): ReactNode {
  const draft = useTyped<string>(`comment ${issue.id}`, '')
  const [isPreview, setPreview] = useState(false)
  const [reopens, setReopens] = useState(false)
  const [interrupts, setInterrupts] = useState(false)
  const { keyFor, forget } = useSendKey()
  const act = useAct<NewComment, Answer<Comment>>(CHANGED, (comment) => postComment(issue.id, comment, keyFor(comment)))
  const isClosed = issue.status === 'done' || issue.status === 'cancelled'
  const isHeld = issue.executionRunId !== null || issue.checkoutRunId !== null
  const canSend = draft.value.trim() !== '' && !act.isPending
  const send = async (): Promise<void> => {
    if (!canSend) return
    const body = draft.value
    await act.mutateAsync({
      body,
      ...(isClosed && reopens ? { reopen: true } : {}),
      ...(isHeld && interrupts ? { interrupt: true } : {}),
    })
    forget()
    draft.set((now) => restOf(now, body))
    setPreview(false)
    setReopens(false)
    setInterrupts(false)
    notify('The comment is sent.')
  }
  return (
    <form
      className="card composer"
      aria-label="Write a comment"
      onSubmit={(event) => {
        event.preventDefault()
        inBackground(send())
      }}
    >
      <h2>Comment</h2>
      <TextOfComment issueId={issue.id} text={draft.value} onText={draft.set} isPreview={isPreview} onSend={() => inBackground(send())} />
      {isClosed && <CheckField label="Reopen the issue" value={reopens} onChange={setReopens} />}
      {isHeld && (
        <CheckField label="Interrupt the run that works on it, so that it reads this first" value={interrupts} onChange={setInterrupts} />
      )}
      {act.error !== null && <Problem problem={act.error} />}
      <footer className="row">
        <button type="submit" disabled={!canSend}>
          Comment
        </button>
        <button type="button" className="secondary" aria-pressed={isPreview} onClick={() => setPreview(!isPreview)}>
          Preview
        </button>
      </footer>
    </form>
  )
}

interface TextOfCommentProps {
  readonly issueId: string
  readonly text: string
  readonly onText: (text: Next<string>) => void
  readonly isPreview: boolean
  readonly onSend: () => void
}

function TextOfComment({ issueId, text, onText, isPreview, onSend }: TextOfCommentProps): ReactNode {
  const uploads = useUploads(issueId)
  const attach = async (files: readonly File[]): Promise<void> => {
    const sent = await uploads.upload(files)
    if (sent.length === 0) return
    onText((now) => withLines(now, sent.map(markdownOf)))
  }
  return (
    <>
      {isPreview ? (
        <div className="preview">{text.trim() === '' ? <p className="soft">There is no text yet.</p> : <IssueText text={text} />}</div>
      ) : (
        <DropArea onFiles={(files) => inBackground(attach(files))}>
          <MentionField
            id="comment-text"
            label="Text"
            value={text}
            onChange={onText}
            onSend={onSend}
            onFiles={(files) => inBackground(attach(files))}
          />
        </DropArea>
      )}
      <p className="soft" role="status">
        {uploads.current !== null && `Sending ${uploads.current.name}`}
      </p>
      {uploads.problem !== null && <Problem problem={uploads.problem} />}
    </>
  )
}
