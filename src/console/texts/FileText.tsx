import type { ReactNode } from 'react'
import { VisibleText } from './VisibleText.tsx'

interface FileTextProps {
  /** Its accessible name: its path. */
  readonly name: string
  readonly text: string
}

/** The whole text of a file as it is, with characters named that are not seen: what agents are to follow is read by people first. */
export const FileText = ({ name, text }: FileTextProps): ReactNode => (
  <pre className="file-text" role="region" aria-label={name} tabIndex={0}>
    {text === '' ? <span className="soft">(empty)</span> : <VisibleText text={text} />}
  </pre>
)
