import { useState } from 'react'
import type { ReactNode } from 'react'
import { useAct } from '../../../api/acts.ts'
import { inBackground } from '../../../api/background.ts'
import { Dialog } from '../../../parts/Dialog.tsx'
import { TextField } from '../../../parts/fields.tsx'
import { notify } from '../../../parts/notices.tsx'
import { Problem } from '../../../parts/Problem.tsx'
import { CHANGED, putDocument } from '../data.ts'
import type { DocumentText } from '../data.ts'

interface NewDocumentProps {
  readonly issueId: string
  readonly onClose: () => void
}

/** A document that does not exist yet. Its key is its name within the issue. */
export function NewDocument({ issueId, onClose }: NewDocumentProps): ReactNode {
  const [key, setKey] = useState('')
  const [title, setTitle] = useState('')
  const [body, setBody] = useState('')
  const act = useAct([...CHANGED], (text: DocumentText) => putDocument(issueId, key.trim().toLowerCase(), text))
  const submit = async (): Promise<void> => {
    const { data } = await act.mutateAsync({
      title: title.trim() === '' ? null : title.trim(),
      body,
      changeSummary: null,
      baseRevisionId: null,
    })
    notify(`The document ${data.key} is written.`)
    onClose()
  }
  return (
    <Dialog title="Write a document" onClose={onClose}>
      <form
        onSubmit={(event) => {
          event.preventDefault()
          inBackground(submit())
        }}
      >
        <TextField
          label="Key"
          value={key}
          onChange={setKey}
          isRequired
          isFirst
          maxLength={64}
          hint="Letters, digits, hyphens; agents read the key plan first"
        />
        <TextField label="Title" value={title} onChange={setTitle} maxLength={200} />
        <TextField label="Text" value={body} onChange={setBody} rows={12} hint="Markdown" />
        {act.error !== null && <Problem problem={act.error} />}
        <footer>
          <button type="button" className="secondary" onClick={onClose}>
            Cancel
          </button>
          <button type="submit" disabled={act.isPending}>
            Write
          </button>
        </footer>
      </form>
    </Dialog>
  )
}
