import { useState } from 'react'
import type { ReactNode } from 'react'
import { inBackground } from '../../api/background.ts'
import type { IssueDetail } from '../../api/types.ts'
import { useCompanyPath } from '../../frame/company.tsx'
import { copyText } from '../../parts/copyText.ts'
import { notify } from '../../parts/notices.tsx'
import { Link } from '../../router/Link.tsx'
import { VisibleText } from '../../texts/VisibleText.tsx'

/** Where the issue stands: the list, its ancestors, and its identifier, which a click copies. */
export function Trail({ issue }: { readonly issue: IssueDetail }): ReactNode {
  const pathOf = useCompanyPath()
  const copy = async (): Promise<void> => {
    const isCopied = await copyText(issue.identifier)
    notify(isCopied ? `${issue.identifier} is copied.` : `The browser gives this page no clipboard. The identifier is ${issue.identifier}.`)
  }
  return (
    <nav className="trail" aria-label="Where the issue stands">
      <Link to={pathOf('issues')}>Issues</Link>
      {issue.ancestors.toReversed().map(({ id, identifier, title }) => (
        <span key={id}>
          <span aria-hidden="true"> › </span>
          <Link to={pathOf(`issues/${identifier}`)} title={title}>
            {identifier}
          </Link>
        </span>
      ))}
      <span aria-hidden="true"> › </span>
      <button type="button" className="quiet mono" title="Copy the identifier" onClick={() => inBackground(copy())}>
        {issue.identifier}
      </button>
    </nav>
  )
}

/** Longer descriptions are folded, so that the thread is in sight. */
const FOLDED_CHARACTERS = 4000

/** The description, folded when it is long. @param children the text, laid out */
export function Folded({ text, children }: { readonly text: string; readonly children: ReactNode }): ReactNode {
  const [isOpen, setOpen] = useState(false)
  if (text.length <= FOLDED_CHARACTERS) return children
  return (
    <div className={isOpen ? 'folded open' : 'folded'}>
      <div className="folded-text">{children}</div>
      <button type="button" className="quiet" aria-expanded={isOpen} onClick={() => setOpen(!isOpen)}>
        {isOpen ? 'Show less' : 'Show all'}
      </button>
    </div>
  )
}

export const Title = ({ issue }: { readonly issue: IssueDetail }): ReactNode => <VisibleText text={issue.title} />
