import { Fragment } from 'react'
import type { ReactNode } from 'react'
import { useCompanyPath } from '../../frame/company.tsx'
import { Link } from '../../router/Link.tsx'
import { VisibleText } from '../../texts/VisibleText.tsx'
import { sentenceOf, wordsFor } from './sentences.ts'
import type { NameOf, Named, NamedKind, Part, SentenceRow } from './sentences.ts'

/** The pages of rows; a person has none. */
const pageOf: Readonly<Record<NamedKind, ((part: Named) => string) | null>> = {
  agent: ({ id }) => `agents/${id}`,
  issue: ({ id }) => `issues/${id}`,
  run: ({ id }) => `runs/${id}`,
  approval: ({ id }) => `approvals/${id}`,
  project: ({ id }) => `projects/${id}`,
  goal: null,
  person: null,
}

function NamedPart({ part, nameOf }: { readonly part: Named; readonly nameOf: NameOf }): ReactNode {
  const pathOf = useCompanyPath()
  const words = <VisibleText text={wordsFor(part, nameOf)} />
  const page = pageOf[part.kind]
  return page === null ? <strong>{words}</strong> : <Link to={pathOf(page(part))}>{words}</Link>
}

function Shown({ part, nameOf }: { readonly part: Part; readonly nameOf: NameOf }): ReactNode {
  if (typeof part === 'string') return part
  if ('kind' in part) return <NamedPart part={part} nameOf={nameOf} />
  return (
    <q>
      <VisibleText text={part.quote} />
    </q>
  )
}

/** The sentence of an audit row, with links to what it names. @param nameOf from `useNames` of all rows that are shown */
export const Sentence = ({ row, nameOf }: { readonly row: SentenceRow; readonly nameOf: NameOf }): ReactNode => (
  <span className="sentence">
    {sentenceOf(row).map((part, at) => (
      <Fragment key={at}>
        <Shown part={part} nameOf={nameOf} />
      </Fragment>
    ))}
  </span>
)
