import { useId } from 'react'
import type { ReactNode } from 'react'

interface FileFieldProps {
  readonly label: string
  /** The kinds of files that the browser offers first. The server decides by the content. */
  readonly accept: string
  readonly hint: string
  readonly onChange: (file: File | null) => void
}

/** A labelled choice of one file, without which its form is not sent. The browser shows the name, and keeps it after a refusal. */
export function FileField({ label, accept, hint, onChange }: FileFieldProps): ReactNode {
  const id = useId()
  return (
    <div className="field">
      <label htmlFor={id}>{label}</label>
      <input
        id={id}
        type="file"
        accept={accept}
        required
        aria-describedby={`${id}-hint`}
        onChange={({ target }) => onChange(target.files?.[0] ?? null)}
      />
      <p id={`${id}-hint`} className="soft">
        {hint}
      </p>
    </div>
  )
}
