import type { ReactNode } from 'react'
import { useCompany, useCompanyPath } from '../../frame/company.tsx'
import { Link } from '../../router/Link.tsx'
import { Markdown } from '../../texts/Markdown.tsx'

/** A text of this company: identifiers of its issues are links. @param isDocument whether its lines are wrapped by its writer */
export function IssueText({ text, isDocument = false }: { readonly text: string; readonly isDocument?: boolean }): ReactNode {
  const { issuePrefix } = useCompany()
  const pathOf = useCompanyPath()
  const link = (identifier: string): ReactNode => <Link to={pathOf(`issues/${identifier}`)}>{identifier}</Link>
  return <Markdown text={text} keepsLines={!isDocument} issues={{ prefix: issuePrefix, link }} />
}
