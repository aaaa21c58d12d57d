import { useState } from 'react'
import type { ReactNode } from 'react'
import { inBackground } from '../../api/background.ts'
import { useCompanyPath } from '../../frame/company.tsx'
import { Dialog } from '../../parts/Dialog.tsx'
import { FileField } from '../../parts/FileField.tsx'
import { SelectField, TextField } from '../../parts/fields.tsx'
import { notify } from '../../parts/notices.tsx'
import { Problem } from '../../parts/Problem.tsx'
import { go } from '../../router/location.ts'
import { VisibleText } from '../../texts/VisibleText.tsx'
import type { ApiProblem } from '../../api/client.ts'
import { useImportSkills } from './data.ts'
import { filesOf, firstFile, repeatedPath } from './words.ts'
import type { TypedFile } from './words.ts'

const ways = [
  { value: 'text', label: 'Texts that I paste' },
  { value: 'file', label: 'A file of this computer: a text or an archive' },
  { value: 'folder', label: 'A folder of the host, which the operator allowed' },
]

const ACCEPTED = '.md,.markdown,.txt,.tar,.tgz,.gz,.zip'
const FILE_HINT = 'The text of one SKILL.md, or a folder of skills as .zip, .tar or .tar.gz.'
const FOLDER_HINT = 'The whole path on the host of the server.'

/** The sentences of the server about the parts of an import that are no skill. */
function problemsIn(problem: ApiProblem | null): readonly string[] {
  const details = problem?.details as { readonly problems?: unknown } | null | undefined
  return Array.isArray(details?.problems) ? details.problems.map(String) : []
}

/** Imports skills from pasted texts, a file or a folder, and goes to the skill. */
export function ImportDialog({ onClose }: { readonly onClose: () => void }): ReactNode {
  const [way, setWay] = useState('text')
  const [files, setFiles] = useState<readonly TypedFile[]>([firstFile])
  const [file, setFile] = useState<File | null>(null)
  const [folder, setFolder] = useState('')
  const pathOf = useCompanyPath()
  const act = useImportSkills()
  const repeated = repeatedPath(files)
  const warnings = act.data?.warnings ?? problemsIn(act.error)
  const submit = async (): Promise<void> => {
    const typed = way === 'text' ? { files: filesOf(files) } : { source: folder.trim() }
    const { imported, warnings: said } = await act.mutateAsync(way === 'file' && file !== null ? file : typed)
    notify(imported.length === 1 ? `The skill ${imported[0]?.slug ?? ''} is imported` : `${imported.length} skills are imported`)
    // The parts that the server has left out have to be read first.
    if (said.length > 0) return
    onClose()
    const [only] = imported
    if (imported.length === 1 && only !== undefined) go(pathOf(`skills/${only.id}`))
  }
  return (
    <Dialog title="Import a skill" onClose={onClose}>
      <form
        onSubmit={(event) => {
          event.preventDefault()
          inBackground(submit())
        }}
      >
        <SelectField label="From" value={way} onChange={setWay} choices={ways} />
        {way === 'text' && <Files files={files} onChange={setFiles} />}
        {way === 'file' && <FileField label="File" accept={ACCEPTED} hint={FILE_HINT} onChange={setFile} />}
        {way === 'folder' && (
          <TextField label="Folder" value={folder} onChange={setFolder} hint={FOLDER_HINT} isRequired maxLength={1000} />
        )}
        <p className="soft">Agents that get a skill do what it says. Read it before you import it.</p>
        {repeated !== null && <p className="note">Two files have the path {repeated}.</p>}
        {act.error !== null && <Problem problem={act.error} />}
        <LeftOut warnings={warnings} />
        <footer>
          <button type="button" className="secondary" onClick={onClose}>
            {act.data === undefined ? 'Cancel' : 'Close'}
          </button>
          <button type="submit" disabled={act.isPending || (way === 'text' && repeated !== null)}>
            Import
          </button>
        </footer>
      </form>
    </Dialog>
  )
}

/** The parts that the server has left out of an import. */
const LeftOut = ({ warnings }: { readonly warnings: readonly string[] }): ReactNode =>
  warnings.length > 0 && (
    <ul className="import-warnings" role="status" aria-label="What was left out">
      {warnings.map((warning) => (
        <li key={warning}>
          <VisibleText text={warning} />
        </li>
      ))}
    </ul>
  )

interface FilesProps {
  readonly files: readonly TypedFile[]
  readonly onChange: (files: readonly TypedFile[]) => void
}

function Files({ files, onChange }: FilesProps): ReactNode {
  const set = (at: number, changes: Partial<TypedFile>): void =>
    onChange(files.map((file, each) => (each === at ? { ...file, ...changes } : file)))
  return (
    <>
      {files.map((file, at) => (
        <div key={at} role="group" aria-label={`File ${at + 1}`} className="import-file">
          {at > 0 && (
            <TextField label="Path" value={file.path} onChange={(path) => set(at, { path })} placeholder="references/notes.md" isRequired />
          )}
          <TextField
            label={at === 0 ? 'The text of SKILL.md' : 'Text'}
            value={file.content}
            onChange={(content) => set(at, { content })}
            rows={at === 0 ? 10 : 4}
            isRequired
            isFirst={at === 0}
            {...(at === 0 ? { hint: 'It begins with a head: ---, a line “name: …”, a line “description: …”, ---.' } : {})}
          />
          {at > 0 && (
            <button type="button" className="quiet" onClick={() => onChange(files.filter((_, each) => each !== at))}>
              Remove<span className="hidden"> file {at + 1}</span>
            </button>
          )}
        </div>
      ))}
      <button type="button" className="secondary import-more" onClick={() => onChange([...files, { path: '', content: '' }])}>
        Add a file
      </button>
    </>
  )
}
