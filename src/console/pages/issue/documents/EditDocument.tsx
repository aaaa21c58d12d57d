import { useState } from 'react'
import type { ReactNode } from 'react'
import { useAct } from '../../../api/acts.ts'
import { inBackground } from '../../../api/background.ts'
import type { Answer } from '../../../api/client.ts'
import type { IssueDocument } from '../../../api/types.ts'
import { TextField } from '../../../parts/fields.tsx'
import { notify } from '../../../parts/notices.tsx'
import { Problem } from '../../../parts/Problem.tsx'
import { Time } from '../../../parts/Time.tsx'
import { TextDiff } from '../../../texts/TextDiff.tsx'
import { Author } from '../Author.tsx'
import { CHANGED, putDocument } from '../data.ts'
import type { DocumentText } from '../data.ts'
import { IssueText } from '../IssueText.tsx'
import { useTyped } from '../useTyped.ts'
import { documentAddress } from './address.ts'

interface Draft {
  /** The revision that was read when the typing began. */
  readonly base: Pick<IssueDocument, 'latestRevisionId' | 'latestRevisionNumber' | 'body'>
  readonly title: string
  readonly body: string
  readonly summary: string
}

const draftOf = (document: IssueDocument): Draft => ({ base: document, title: document.title ?? '', body: document.body, summary: '' })

/** A document as fields. A revision that was written meanwhile is shown, with its writer, and nothing that was typed is lost. */
export function EditDocument({ document }: { readonly document: IssueDocument }): ReactNode {
  const { issueId, key } = document
  const draft = useTyped<Draft>(`document ${issueId} ${key}`, draftOf(document))
  const { base, title, body, summary } = draft.value
  const [isPreview, setPreview] = useState(false)
  const act = useAct<DocumentText, Answer<IssueDocument>>([...CHANGED], (text) => putDocument(issueId, key, text))
  const set = (part: Partial<Draft>): void => draft.set({ ...draft.value, ...part })
  const save = async (baseRevisionId: string): Promise<void> => {
    const titled = title.trim() === '' ? null : title.trim()
    const { data } = await act.mutateAsync({
      title: titled,
      body,
      changeSummary: summary.trim() === '' ? null : summary.trim(),
      baseRevisionId,
    })
    draft.clear()
    notify(`Revision ${data.latestRevisionNumber} is saved.`)
    documentAddress.open(key, 'read')
  }
  const isStale = document.latestRevisionId !== base.latestRevisionId
  return (
    <form
      aria-label="Edit the document"
      onSubmit={(event) => {
        event.preventDefault()
        inBackground(save(base.latestRevisionId))
      }}
    >
      <DraftFields draft={draft.value} set={set} isPreview={isPreview} isSending={act.isPending} />
      {isStale && (
        <Overtaken document={document} base={base} onKeep={() => inBackground(save(document.latestRevisionId))} onYield={draft.clear} />
      )}
      {act.error !== null && !isStale && <Problem problem={act.error} />}
      <footer className="row">
        <button type="submit" disabled={act.isPending || isStale}>
          Save
        </button>
        <button type="button" className="secondary" aria-pressed={isPreview} onClick={() => setPreview(!isPreview)}>
          Preview
        </button>
        <button
          type="button"
          className="secondary"
          onClick={() => {
            draft.clear()
            documentAddress.open(key, 'read')
          }}
        >
          Cancel
        </button>
      </footer>
    </form>
  )
}

interface DraftFieldsProps {
  readonly draft: Draft
  readonly set: (part: Partial<Draft>) => void
  readonly isPreview: boolean
  readonly isSending: boolean
}

const DraftFields = ({ draft: { title, body, summary }, set, isPreview, isSending }: DraftFieldsProps): ReactNode => (
  <>
    <TextField label="Title" value={title} onChange={(next) => set({ title: next })} isSending={isSending} maxLength={200} />
    {isPreview ? (
      <IssueText text={body} isDocument />
    ) : (
      <TextField label="Text" value={body} onChange={(next) => set({ body: next })} isSending={isSending} rows={18} hint="Markdown" />
    )}
    <TextField
      label="What changed"
      value={summary}
      onChange={(next) => set({ summary: next })}
      isSending={isSending}
      maxLength={500}
      hint="Optional"
    />
  </>
)

interface OvertakenProps {
  readonly document: IssueDocument
  readonly base: Draft['base']
  readonly onKeep: () => void
  readonly onYield: () => void
}

/** A revision came while the document was edited. */
function Overtaken({ document, base, onKeep, onYield }: OvertakenProps): ReactNode {
  const { updatedByAgentId, updatedByUserId, updatedAt, latestRevisionNumber } = document
  return (
    <div role="alert" className="problem">
      <p>
        <strong>
          <Author of={{ agentId: updatedByAgentId, userId: updatedByUserId }} begins /> wrote revision {latestRevisionNumber}
        </strong>{' '}
        <Time at={updatedAt} />, while you edited revision {base.latestRevisionNumber}. Nothing that you typed is lost.
      </p>
      <TextDiff name="What the other revision changed" before={base.body} after={document.body} />
      <div className="row">
        <button type="button" onClick={onKeep}>
          Save mine after it
        </button>
        <button type="button" className="secondary" onClick={onYield}>
          Take the other one
        </button>
      </div>
    </div>
  )
}
