import { useState } from 'react'
import type { ReactNode } from 'react'
import { inBackground } from '../../api/background.ts'
import type { Answer } from '../../api/client.ts'
import type { IssueDetail } from '../../api/types.ts'
import { TextField } from '../../parts/fields.tsx'
import { Problem } from '../../parts/Problem.tsx'
import { Contested } from './Contested.tsx'
import type { IssueChanges } from './data.ts'
import { IssueText } from './IssueText.tsx'
import { useTyped } from './useTyped.ts'
import { useSave } from './useSave.ts'
import type { Save } from './useSave.ts'

interface EditIssueProps {
  readonly issue: Answer<IssueDetail>
  readonly onClose: () => void
}

/** The texts as they are typed, and the issue as it was when the typing began. */
interface Draft {
  readonly seen: Answer<IssueDetail>
  readonly title: string
  readonly description: string
}

/** The name of the draft of an issue's texts. */
export const editing = (issueId: string): string => `edit ${issueId}`

/** The longest texts that the server takes. */
const TITLE_MAX = 500
const TEXT_MAX = 200_000

interface Editing {
  readonly texts: Draft
  readonly set: (part: Partial<Draft>) => void
  readonly saving: Save
  /** Compares with the issue that was read when the typing began, or with a later one. */
  readonly submit: (base: Answer<IssueDetail>) => void
  /** Forgets what was typed. */
  readonly close: () => void
}

function useEditing({ issue, onClose }: EditIssueProps): Editing {
  const { title: seenTitle, description: seenDescription, id } = issue.data
  const draft = useTyped<Draft>(editing(id), { seen: issue, title: seenTitle, description: seenDescription ?? '' })
  const { seen, title, description } = draft.value
  const saving = useSave(issue)
  const close = (): void => {
    draft.clear()
    onClose()
  }
  const changes: IssueChanges = {
    ...(title.trim() === seen.data.title ? {} : { title: title.trim() }),
    ...(description === (seen.data.description ?? '') ? {} : { description: description === '' ? null : description }),
  }
  const save = async (base: Answer<IssueDetail>): Promise<void> => {
    if (Object.keys(changes).length === 0 || (await saving.save(changes, 'The texts are saved.', base))) close()
  }
  return {
    texts: draft.value,
    set: (part) => draft.set({ ...draft.value, ...part }),
    saving,
    submit: (base) => inBackground(save(base)),
    close,
  }
}

/** Title and description as fields. A save is compared with what was read when the typing began. */
export function EditIssue(props: EditIssueProps): ReactNode {
  const { texts, set, saving, submit, close } = useEditing(props)
  const [isPreview, setPreview] = useState(false)
  const { contest } = saving
  const isSending = saving.pending !== null
  return (
    <form
      className="card edit-issue"
      aria-label="Edit the issue"
      onSubmit={(event) => {
        event.preventDefault()
        submit(texts.seen)
      }}
    >
      <h2 className="hidden">Edit the issue</h2>
      <TextField
        label="Title"
        value={texts.title}
        onChange={(title) => set({ title })}
        isRequired
        isFirst
        isSending={isSending}
        maxLength={TITLE_MAX}
      />
      {isPreview ? (
        <div className="preview">
          <IssueText text={texts.description} />
        </div>
      ) : (
        <TextField
          label="Description"
          value={texts.description}
          onChange={(description) => set({ description })}
          isSending={isSending}
          rows={14}
          maxLength={TEXT_MAX}
          hint="Markdown"
        />
      )}
      {contest !== null && <Contested contest={contest} onYield={close} onKeep={() => submit(contest.conflict.current)} />}
      {saving.problem !== null && <Problem problem={saving.problem} />}
      <footer className="row">
        <button type="submit" disabled={isSending || contest !== null}>
          Save
        </button>
        <button type="button" className="secondary" aria-pressed={isPreview} onClick={() => setPreview(!isPreview)}>
          Preview
        </button>
        <button type="button" className="secondary" onClick={close}>
          Cancel
        </button>
      </footer>
    </form>
  )
}
