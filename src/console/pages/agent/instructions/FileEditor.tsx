import { useState } from 'react'
import type { ReactNode } from 'react'
import type { AgentDetail } from '../../../agentParts/reads.ts'
import { inBackground } from '../../../api/background.ts'
import type { InstructionsFile } from '../../../api/types.ts'
import { TextField } from '../../../parts/fields.tsx'
import { notify } from '../../../parts/notices.tsx'
import { Problem } from '../../../parts/Problem.tsx'
import { Time } from '../../../parts/Time.tsx'
import { SaveDraft } from '../../../people/SaveDraft.tsx'
import { codePointName, stretchesOf } from '../../../texts/hiddenCharacters.ts'
import { TextDiff } from '../../../texts/TextDiff.tsx'
import { useSetEntry, useWriteFile } from './data.ts'
import { DeleteFile } from './DeleteFile.tsx'

/** The text that is typed into a file, and the revision that it was typed over. */
export interface FileDraft {
  readonly content: string
  readonly baseRevisionId: string
}

interface FileEditorProps {
  readonly agent: AgentDetail
  readonly file: InstructionsFile
  readonly draft: FileDraft | null
  readonly onDraft: (draft: FileDraft | null) => void
}

/** One file of instructions: read, changed and deleted. A change by another party meanwhile is refused, and what was typed is kept. */
export function FileEditor({ agent, file, draft, onDraft }: FileEditorProps): ReactNode {
  const { path, content, revisionId } = file
  const [isDeleting, setDeleting] = useState(false)
  const write = useWriteFile(agent)
  const baseRevisionId = draft?.baseRevisionId ?? revisionId
  const isOld = draft !== null && baseRevisionId !== revisionId
  const typed = draft?.content ?? content
  const save = (): void => {
    const onSuccess = (): void => {
      onDraft(null)
      notify(`${path} is saved`)
    }
    write.mutate({ path, content: typed, baseRevisionId }, { onSuccess })
  }
  return (
    <>
      <form
        className="card"
        onSubmit={(event) => {
          event.preventDefault()
          save()
        }}
      >
        <Head agent={agent} file={file} onDelete={() => setDeleting(true)} />
        <TextField label={path} value={typed} onChange={(text) => onDraft({ content: text, baseRevisionId })} rows={20} />
        <Unseen text={typed} />
        {isOld && <Meanwhile before={content} after={typed} onRead={() => onDraft({ content: typed, baseRevisionId: revisionId })} />}
        <SaveDraft
          draft={{ isChanged: draft !== null, isOld, reset: () => onDraft(null) }}
          act={write}
          entityType="agent"
          entityId={agent.id}
          isBlocked={isOld}
        />
      </form>
      {/* Outside of the form: an act of the dialog is no act of the form. */}
      {isDeleting && <DeleteFile agent={agent} file={file} onClose={() => setDeleting(false)} onDeleted={() => onDraft(null)} />}
    </>
  )
}

interface HeadProps extends Pick<FileEditorProps, 'agent' | 'file'> {
  readonly onDelete: () => void
}

/** When a file was written, and the acts on it as a whole. */
function Head({ agent, file: { path, updatedAt, isEntryFile }, onDelete }: HeadProps): ReactNode {
  const setEntry = useSetEntry(agent)
  const makeEntry = async (): Promise<void> => {
    await setEntry.mutateAsync(path)
    notify(`Runs of ${agent.name} read ${path} first`)
  }
  return (
    <>
      <p className="row soft">
        Written <Time at={updatedAt} />
        {!isEntryFile && (
          <button type="button" className="quiet" disabled={setEntry.isPending} onClick={() => inBackground(makeEntry())}>
            Let runs read it first
          </button>
        )}
        <button type="button" className="quiet danger" onClick={onDelete}>
          Delete<span className="hidden"> {path}</span>
        </button>
      </p>
      {setEntry.error !== null && <Problem problem={setEntry.error} />}
    </>
  )
}

interface MeanwhileProps {
  /** The text of the server. */
  readonly before: string
  /** The typed text. */
  readonly after: string
  readonly onRead: () => void
}

/** The text that was typed over an older one, against the one of now: only after it was read can it be saved. */
const Meanwhile = ({ before, after, onRead }: MeanwhileProps): ReactNode => (
  <section aria-label="The difference">
    <h3>What you typed, against the text of now</h3>
    <TextDiff name="What you typed" before={before} after={after} />
    <p>
      <button type="button" className="secondary" onClick={onRead}>
        I have read it: what I typed shall replace it
      </button>
    </p>
  </section>
)

/** The characters of a text that are not seen. A field for typing cannot mark them. */
function Unseen({ text }: { readonly text: string }): ReactNode {
  const found = [...new Set(stretchesOf(text).flatMap(({ text: character, isHidden }) => (isHidden ? [character] : [])))]
  if (found.length === 0) return null
  return <p className="note">It has characters that are not seen: {found.slice(0, 20).map(codePointName).join(', ')}.</p>
}
