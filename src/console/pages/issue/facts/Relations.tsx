import { useState } from 'react'
import type { ReactNode } from 'react'
import { inBackground } from '../../../api/background.ts'
import { Problem } from '../../../parts/Problem.tsx'
import { useChildren } from '../data.ts'
import { IssueLine } from '../IssueLine.tsx'
import { CreateChild } from './CreateChild.tsx'
import { PickIssue } from './PickIssue.tsx'
import type { FactsProps } from './props.ts'

/** The issues that it waits for, those that wait for it, and those below it. */
export function Relations({ issue, save }: FactsProps): ReactNode {
  return (
    <>
      <Blockers issue={issue} save={save} />
      <Children issue={issue} save={save} />
    </>
  )
}

function Blockers({ issue, save }: FactsProps): ReactNode {
  const [isPicking, setPicking] = useState(false)
  const ids = issue.blockedBy.map(({ id }) => id)
  const set = (blockedByIssueIds: readonly string[], words: string): void => inBackground(save.save({ blockedByIssueIds }, words))
  return (
    <section className="card relations" aria-label="Blockers">
      <h2>Waits for</h2>
      {issue.blockedBy.length === 0 && <p className="soft">It waits for no other issue.</p>}
      <ul className="tree">
        {issue.blockedBy.map((blocker) => (
          <li key={blocker.id}>
            <IssueLine issue={blocker}>
              <button
                type="button"
                className="quiet"
                aria-label={`Do not wait for ${blocker.identifier}`}
                onClick={() =>
                  set(
                    ids.filter((id) => id !== blocker.id),
                    `It does not wait for ${blocker.identifier} any more.`,
                  )
                }
              >
                ✕
              </button>
            </IssueLine>
          </li>
        ))}
      </ul>
      <button type="button" className="secondary" onClick={() => setPicking(true)}>
        Add a blocker
      </button>
      {issue.blocks.length > 0 && (
        <>
          <h3>Waiting for this</h3>
          <ul className="tree">
            {issue.blocks.map((waiting) => (
              <li key={waiting.id}>
                <IssueLine issue={waiting} />
              </li>
            ))}
          </ul>
        </>
      )}
      {isPicking && (
        <PickIssue
          title="Add a blocker"
          without={[issue.id, ...ids]}
          onClose={() => setPicking(false)}
          onPick={({ id, identifier }) => {
            setPicking(false)
            set([...ids, id], `It waits for ${identifier}.`)
          }}
        />
      )}
    </section>
  )
}

function Children({ issue }: FactsProps): ReactNode {
  const [isCreating, setCreating] = useState(false)
  const read = useChildren(issue.id)
  const children = read.data?.data ?? []
  const done = children.filter(({ status }) => status === 'done').length
  return (
    <section className="card relations" aria-label="Children">
      <h2>Children {children.length > 0 && <span className="soft">{`${done} of ${children.length} done`}</span>}</h2>
      {read.error !== null && <Problem problem={read.error} />}
      {read.data !== undefined && children.length === 0 && <p className="soft">It has no issue below it.</p>}
      <ul className="tree">
        {children.map((child) => (
          <li key={child.id}>
            <IssueLine issue={child} />
          </li>
        ))}
      </ul>
      <button type="button" className="secondary" onClick={() => setCreating(true)}>
        Create a child
      </button>
      {isCreating && <CreateChild issue={issue} onClose={() => setCreating(false)} />}
    </section>
  )
}
