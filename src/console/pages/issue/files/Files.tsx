import { useRef, useState } from 'react'
import type { ReactNode } from 'react'
import { useAct } from '../../../api/acts.ts'
import { inBackground } from '../../../api/background.ts'
import type { Attachment, IssueDetail } from '../../../api/types.ts'
import { ActDialog } from '../../../parts/ActDialog.tsx'
import { notify } from '../../../parts/notices.tsx'
import { Problem } from '../../../parts/Problem.tsx'
import { Time } from '../../../parts/Time.tsx'
import { VisibleText } from '../../../texts/VisibleText.tsx'
import { Author, creatorOf } from '../Author.tsx'
import { removeAttachment, useAttachments } from '../data.ts'
import { DropArea, useStrayDrops } from './DropArea.tsx'
import { byteSize, isPicture, nameOfFile, useUploads } from './uploads.ts'

/** The files of an issue: attached by a choice, a drop or a paste, and downloaded. Only pictures are shown. */
export function Files({ issue }: { readonly issue: IssueDetail }): ReactNode {
  const input = useRef<HTMLInputElement>(null)
  const { rows, problem } = useAttachments(issue.id)
  const uploads = useUploads(issue.id)
  const [removed, setRemoved] = useState<Attachment | null>(null)
  useStrayDrops((files) => inBackground(uploads.upload(files)))
  return (
    <section aria-label="Files">
      <DropArea onFiles={(files) => inBackground(uploads.upload(files))}>
        <header className="section-head">
          <h2>Files</h2>
          <button type="button" className="secondary" onClick={() => input.current?.click()}>
            Attach files
          </button>
          <input
            ref={input}
            type="file"
            multiple
            hidden
            aria-label="Files to attach"
            onChange={({ target }) => {
              const files = [...(target.files ?? [])]
              target.value = ''
              inBackground(uploads.upload(files))
            }}
          />
        </header>
        {problem !== null && <Problem problem={problem} />}
        {uploads.problem !== null && <Problem problem={uploads.problem} />}
        <p className="soft" role="status">
          {uploads.current !== null && `Sending ${uploads.current.name}, ${uploads.current.at} of ${uploads.current.of}`}
        </p>
        {rows.length === 0 && <p className="soft">There is none. Drop files here, or paste them into a comment.</p>}
        <ul className="files">
          {rows.map((file) => (
            <li key={file.id}>
              <FileLine file={file} onRemove={() => setRemoved(file)} />
            </li>
          ))}
        </ul>
      </DropArea>
      {removed !== null && <Remove file={removed} onClose={() => setRemoved(null)} />}
    </section>
  )
}

function FileLine({ file, onRemove }: { readonly file: Attachment; readonly onRemove: () => void }): ReactNode {
  const name = nameOfFile(file)
  return (
    <>
      {isPicture(file) ? (
        <a className="thumb" href={file.contentPath} target="_blank" rel="noopener noreferrer">
          <img src={file.contentPath} alt={name} loading="lazy" />
        </a>
      ) : (
        <span className="thumb" aria-hidden="true">
          {(name.split('.').at(-1) ?? '').slice(0, 4).toUpperCase()}
        </span>
      )}
      <span className="file-words">
        <VisibleText text={name} />
        <span className="soft">
          {byteSize(file.byteSize)}, {file.contentType}, <Time at={file.createdAt} /> by <Author of={creatorOf(file)} />
        </span>
      </span>
      <a className="button secondary" href={file.contentPath} download={name} aria-label={`Download ${name}`}>
        Download
      </a>
      <button type="button" className="quiet" aria-label={`Delete ${name}`} onClick={onRemove}>
        ✕
      </button>
    </>
  )
}

function Remove({ file, onClose }: { readonly file: Attachment; readonly onClose: () => void }): ReactNode {
  const name = nameOfFile(file)
  const act = useAct(['issue'], () => removeAttachment(file.id))
  return (
    <ActDialog
      title={`Delete ${name}`}
      confirm="Delete"
      isDangerous
      onClose={onClose}
      act={async () => {
        await act.mutateAsync(undefined)
        notify(`${name} is deleted.`)
      }}
    >
      <p>Its bytes are deleted, and texts that show it or lead to it show nothing. Its audit rows, with its size and its hash, stay.</p>
    </ActDialog>
  )
}
