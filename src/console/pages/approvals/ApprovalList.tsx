import { useEffect, useRef } from 'react'
import type { ReactNode } from 'react'
import type { Approval } from '../../api/types.ts'
import { Status } from '../../parts/Status.tsx'
import { Time } from '../../parts/Time.tsx'
import { Link } from '../../router/Link.tsx'
import { VisibleText } from '../../texts/VisibleText.tsx'
import { wordsFor } from '../activity/sentences.ts'
import type { NameOf } from '../activity/sentences.ts'
import { kindOf, titleOf } from './words.ts'

interface ApprovalListProps {
  readonly rows: readonly Approval[]
  readonly selectedId: string | null
  readonly nameOf: NameOf
  /** The address of an approval below the console. */
  readonly pathOf: (id: string) => string
}

/** Approvals one below the other: the title, the kind, the agent that asks, and the age. */
export const ApprovalList = ({ rows, selectedId, nameOf, pathOf }: ApprovalListProps): ReactNode => (
  <ol className="approval-list" aria-label="Approvals">
    {rows.map((row) => (
      <Item key={row.id} row={row} isSelected={row.id === selectedId} nameOf={nameOf} to={pathOf(row.id)} />
    ))}
  </ol>
)

interface ItemProps {
  readonly row: Approval
  readonly isSelected: boolean
  readonly nameOf: NameOf
  readonly to: string
}

function Item({ row, isSelected, nameOf, to }: ItemProps): ReactNode {
  const element = useRef<HTMLLIElement>(null)
  useEffect(() => {
    if (isSelected) element.current?.scrollIntoView({ block: 'nearest' })
  }, [isSelected])
  const agent = row.requestedByAgentId
  return (
    <li ref={element}>
      <Link to={to} aria-current={isSelected ? 'true' : undefined}>
        <span className="title">
          <VisibleText text={titleOf(row)} />
        </span>
        <span className="soft line">
          <span>
            {kindOf(row)}
            {agent !== null && (
              <>
                {' · '}
                <VisibleText text={wordsFor({ kind: 'agent', id: agent }, nameOf)} />
              </>
            )}
          </span>
          <span>
            <Time at={row.createdAt} />
          </span>
        </span>
        {row.status !== 'pending' && <Status of={row.status} />}
      </Link>
    </li>
  )
}
