import { useState } from 'react'
import type { ReactNode } from 'react'
import { inBackground } from '../../../api/background.ts'
import { useCompanyPath } from '../../../frame/company.tsx'
import { Link } from '../../../router/Link.tsx'
import { VisibleText } from '../../../texts/VisibleText.tsx'
import { PickIssue } from './PickIssue.tsx'
import type { FactsProps } from './props.ts'

/** The issue above: another one is picked, or it is taken away. */
export function ParentField({ issue, save }: FactsProps): ReactNode {
  const pathOf = useCompanyPath()
  const [isPicking, setPicking] = useState(false)
  const { parentId } = issue
  const parent = issue.ancestors.find(({ id }) => id === parentId)
  const set = (id: string | null, words: string): void => inBackground(save.save({ parentId: id }, words))
  return (
    <div className="field parent" role="group" aria-label="Parent">
      <span className="soft">Parent</span>
      <span>
        {parent !== undefined && (
          <Link to={pathOf(`issues/${parent.identifier}`)}>
            <span className="mono">{parent.identifier}</span> <VisibleText text={parent.title} />
          </Link>
        )}
        <button type="button" className="quiet" onClick={() => setPicking(true)}>
          {parentId === null ? 'Set a parent' : 'Change'}
          {parentId !== null && <span className="hidden"> the parent</span>}
        </button>
        {parentId !== null && (
          <button type="button" className="quiet" onClick={() => set(null, 'The issue has no parent.')}>
            Remove<span className="hidden"> the parent</span>
          </button>
        )}
      </span>
      {isPicking && (
        <PickIssue
          title="Set the parent"
          without={[issue.id, ...(parentId === null ? [] : [parentId])]}
          onClose={() => setPicking(false)}
          onPick={({ id, identifier }) => {
            setPicking(false)
            set(id, `It is below ${identifier} now.`)
          }}
        />
      )}
    </div>
  )
}
