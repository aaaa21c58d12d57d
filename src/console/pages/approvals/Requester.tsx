import type { ReactNode } from 'react'
import { useCompanyPath } from '../../frame/company.tsx'
import { Link } from '../../router/Link.tsx'
import { VisibleText } from '../../texts/VisibleText.tsx'
import { actorOf, sentenceText, wordsFor } from '../activity/sentences.ts'
import type { NameOf } from '../activity/sentences.ts'

interface RequesterProps {
  readonly agentId: string | null
  readonly userId: string | null
  readonly nameOf: NameOf
  /** The name is inside of a sentence. */
  readonly isInside?: boolean
}

/** The agent or the person that wrote something. */
export function Requester({ agentId, userId, nameOf, isInside = false }: RequesterProps): ReactNode {
  const pathOf = useCompanyPath()
  if (agentId !== null)
    return (
      <Link to={pathOf(`agents/${agentId}`)}>
        <VisibleText text={wordsFor({ kind: 'agent', id: agentId }, nameOf)} />
      </Link>
    )
  const parts = [actorOf({ actorType: userId === null ? 'system' : 'user', actorId: userId ?? '' })]
  const text = sentenceText(parts, nameOf)
  return <VisibleText text={isInside && userId === null ? text.replace(/^The /, 'the ') : text} />
}
