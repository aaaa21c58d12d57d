import type { ReactNode } from 'react'
import { useCompanyPath } from '../../frame/company.tsx'
import { Link } from '../../router/Link.tsx'
import { VisibleText } from '../../texts/VisibleText.tsx'
import { useNames } from '../activity/names.ts'
import { wordsFor } from '../activity/sentences.ts'
import type { NameOf } from '../activity/sentences.ts'

/** The agent or the person behind a row. */
export interface AuthorRef {
  readonly agentId: string | null
  readonly userId: string | null
}

const NO_ROWS: readonly never[] = []
const LOCAL_BOARD = 'local-board'

/** Names of agents, people and projects. */
export const useAuthors = (): NameOf => useNames(NO_ROWS)

export const agentName = (nameOf: NameOf, id: string): string => wordsFor({ kind: 'agent', id }, nameOf)
export const personName = (nameOf: NameOf, id: string): string =>
  id === LOCAL_BOARD ? 'the board' : wordsFor({ kind: 'person', id }, nameOf)

/** Its name, for a place that has no links. */
const authorName = (nameOf: NameOf, { agentId, userId }: AuthorRef): string =>
  agentId !== null ? agentName(nameOf, agentId) : userId === null ? 'the server' : personName(nameOf, userId)

/** The agent as a link to its page, or the person. @param begins whether it begins a sentence */
export function Author({ of, begins = false }: { readonly of: AuthorRef; readonly begins?: boolean }): ReactNode {
  const pathOf = useCompanyPath()
  const nameOf = useAuthors()
  const name = authorName(nameOf, of)
  const words = <VisibleText text={begins ? name.charAt(0).toUpperCase() + name.slice(1) : name} />
  return of.agentId === null ? <strong>{words}</strong> : <Link to={pathOf(`agents/${of.agentId}`)}>{words}</Link>
}

/** The author of a comment, a document or a file. */
export const creatorOf = (row: { readonly createdByAgentId: string | null; readonly createdByUserId: string | null }): AuthorRef => ({
  agentId: row.createdByAgentId,
  userId: row.createdByUserId,
})
