import { useState } from 'react'
import type { ReactNode } from 'react'
import type { ListedIssue } from '../../../api/types.ts'
import { Dialog } from '../../../parts/Dialog.tsx'
import { TextField } from '../../../parts/fields.tsx'
import { Problem } from '../../../parts/Problem.tsx'
import { Status } from '../../../parts/Status.tsx'
import { useDebounced } from '../../../parts/useDebounced.ts'
import { useFoundIssues } from '../data.ts'

interface PickIssueProps {
  readonly title: string
  /** Issues that are no choice. */
  readonly without: readonly string[]
  readonly onPick: (issue: ListedIssue) => void
  readonly onClose: () => void
}

/** Finds an issue by its identifier or its words. `Enter` takes the first. */
export function PickIssue({ title, without, onPick, onClose }: PickIssueProps): ReactNode {
  const [words, setWords] = useState('')
  const asked = useDebounced(words.trim())
  const read = useFoundIssues(asked)
  const found = asked === '' ? [] : (read.data?.data ?? []).filter(({ id }) => !without.includes(id))
  const isNothing = asked !== '' && read.isSuccess && !read.isPlaceholderData && found.length === 0
  return (
    <Dialog title={title} onClose={onClose}>
      <form
        onSubmit={(event) => {
          event.preventDefault()
          if (found[0] !== undefined) onPick(found[0])
        }}
      >
        <TextField label="Issue" value={words} onChange={setWords} isFirst hint="Its identifier, or words of its title" />
        {read.error !== null && <Problem problem={read.error} />}
        <p className="soft" role="status">
          {isNothing && 'No issue fits.'}
        </p>
        <ul className="picks" aria-label="Issues that fit">
          {found.map((issue) => (
            <li key={issue.id}>
              <button type="button" className="quiet" onClick={() => onPick(issue)}>
                <Status of={issue.status} /> <span className="mono">{issue.identifier}</span> {issue.title}
              </button>
            </li>
          ))}
        </ul>
      </form>
    </Dialog>
  )
}
