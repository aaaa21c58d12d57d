import { useState } from 'react'
import type { ReactNode } from 'react'
import { Problem } from '../parts/Problem.tsx'
import { TextField } from '../parts/fields.tsx'
import { useFirstIssue } from './data.ts'

/** Writes the first issue, which any agent of the company may take. */
export function IssueStep({ companyId }: { readonly companyId: string }): ReactNode {
  const [title, setTitle] = useState('')
  const create = useFirstIssue(companyId)
  return (
    <form
      onSubmit={(event) => {
        event.preventDefault()
        create.mutate(title.trim())
      }}
    >
      <TextField
        label="Title of the issue"
        value={title}
        onChange={setTitle}
        isRequired
        maxLength={500}
        placeholder="Write the changelog"
      />
      {create.error !== null && <Problem problem={create.error} />}
      <button type="submit" disabled={create.isPending}>
        Create the issue
      </button>
    </form>
  )
}
