import { useId, useState } from 'react'
import type { ReactNode } from 'react'
import { useRead } from '../../api/reads.ts'
import type { IssueItem } from '../../api/types.ts'
import { useCompany } from '../../frame/company.tsx'
import { Status } from '../../parts/Status.tsx'
import { useDebounced } from '../../parts/useDebounced.ts'

/** An issue as it is chosen. */
export type ChosenIssue = Pick<IssueItem, 'id' | 'identifier' | 'title' | 'status'>

interface IssuePickerProps {
  readonly label: string
  readonly hint?: string
  readonly chosen: readonly ChosenIssue[]
  readonly onAdd: (issue: ChosenIssue) => void
  readonly onRemove: (id: string) => void
}

const FOUND = 6

/** Chooses issues by their identifier or words. */
export function IssuePicker({ label, hint, chosen, onAdd, onRemove }: IssuePickerProps): ReactNode {
  const id = useId()
  const companyId = useCompany().id
  const [text, setText] = useState('')
  const q = useDebounced(text.trim())
  const read = useRead<ChosenIssue[]>(['issues', companyId, 'pick'], `/companies/${companyId}/issues`, {
    query: { q, limit: FOUND, fields: 'id,identifier,title,status' },
    isEnabled: q !== '',
  })
  const found = text.trim() === '' ? [] : (read.data?.data ?? []).filter((issue) => chosen.every((one) => one.id !== issue.id))
  const add = (issue: ChosenIssue | undefined): void => {
    if (issue === undefined) return
    onAdd(issue)
    setText('')
  }
  return (
    <div className="field issue-picker">
      <label htmlFor={id}>{label}</label>
      <Chosen label={label} chosen={chosen} onRemove={onRemove} />
      <input
        id={id}
        type="search"
        placeholder="Identifier or words"
        autoComplete="off"
        value={text}
        aria-describedby={hint === undefined ? undefined : `${id}-hint`}
        onChange={({ target }) => setText(target.value)}
        onKeyDown={(event) => {
          if (event.key !== 'Enter' || text.trim() === '') return
          event.preventDefault()
          if (q === text.trim()) add(found[0])
        }}
      />
      <Found label={label} found={found} onAdd={add} />
      {hint !== undefined && (
        <p id={`${id}-hint`} className="soft">
          {hint}
        </p>
      )}
    </div>
  )
}

function Chosen({ label, chosen, onRemove }: Pick<IssuePickerProps, 'label' | 'chosen' | 'onRemove'>): ReactNode {
  if (chosen.length === 0) return null
  return (
    <ul className="chips" aria-label={label}>
      {chosen.map((issue) => (
        <li key={issue.id}>
          <span className="mono">{issue.identifier}</span> {issue.title}
          <button type="button" className="quiet" aria-label={`Remove ${issue.identifier}`} onClick={() => onRemove(issue.id)}>
            ✕
          </button>
        </li>
      ))}
    </ul>
  )
}

interface FoundProps {
  readonly label: string
  readonly found: readonly ChosenIssue[]
  readonly onAdd: (issue: ChosenIssue) => void
}

function Found({ label, found, onAdd }: FoundProps): ReactNode {
  if (found.length === 0) return null
  return (
    <ul className="found" aria-label={`Found for ${label}`}>
      {found.map((issue) => (
        <li key={issue.id}>
          <button type="button" className="quiet" onClick={() => onAdd(issue)}>
            <span className="mono">{issue.identifier}</span> <span className="title">{issue.title}</span> <Status of={issue.status} />
          </button>
        </li>
      ))}
    </ul>
  )
}
