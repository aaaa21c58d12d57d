import { useState } from 'react'
import type { ReactNode } from 'react'
import { inBackground } from '../../api/background.ts'
import type { Goal } from '../../api/types.ts'
import { useCompanyPath } from '../../frame/company.tsx'
import { useKeys } from '../../keys/keys.ts'
import { Empty, Skeleton } from '../../parts/Empty.tsx'
import { Problem } from '../../parts/Problem.tsx'
import { Status } from '../../parts/Status.tsx'
import { Link } from '../../router/Link.tsx'
import { useAgents, useGoals } from './data.ts'
import { DeleteGoal, EditGoal, NewGoal } from './GoalDialogs.tsx'
import { goalTree } from './goalTree.ts'
import type { GoalNode } from './goalTree.ts'
import { goalTones } from './words.ts'

type Act = { readonly kind: 'new'; readonly parentId: string | null } | { readonly kind: 'edit' | 'delete'; readonly goal: Goal }

/** The goals of the company as a tree. */
export function GoalsTab(): ReactNode {
  const read = useGoals()
  const [act, setAct] = useState<Act | null>(null)
  const goals = read.data?.data ?? []
  const close = (): void => setAct(null)
  useKeys('Goals', [{ keys: 'n', label: 'New goal', run: () => setAct({ kind: 'new', parentId: null }) }])
  return (
    <section aria-labelledby="goals">
      <div className="section-head">
        <h2 id="goals">Goals</h2>
        <button type="button" onClick={() => setAct({ kind: 'new', parentId: null })}>
          New goal
        </button>
      </div>
      {read.error !== null && <Problem problem={read.error} retry={() => inBackground(read.refetch())} />}
      {read.isPending ? (
        <Skeleton />
      ) : goals.length === 0 ? (
        <Empty title="There is no goal yet.">
          <p>Agents read the goal of an issue, and of the goals above it, so that they know what the work is for.</p>
        </Empty>
      ) : (
        <Tree nodes={goalTree(goals)} onAct={setAct} />
      )}
      {act?.kind === 'new' && <NewGoal parentId={act.parentId} goals={goals} onClose={close} />}
      {act?.kind === 'edit' && <EditGoal goal={act.goal} goals={goals} onClose={close} />}
      {act?.kind === 'delete' && <DeleteGoal goal={act.goal} goals={goals} onClose={close} />}
    </section>
  )
}

const Tree = ({ nodes, onAct }: { readonly nodes: readonly GoalNode[]; readonly onAct: (act: Act) => void }): ReactNode => (
  <ul className="goals">
    {nodes.map(({ goal, children }) => (
      <li key={goal.id}>
        <GoalRow goal={goal} onAct={onAct} />
        {children.length > 0 && <Tree nodes={children} onAct={onAct} />}
      </li>
    ))}
  </ul>
)

function GoalRow({ goal, onAct }: { readonly goal: Goal; readonly onAct: (act: Act) => void }): ReactNode {
  const pathOf = useCompanyPath()
  const owner = useAgents().find(({ id }) => id === goal.ownerAgentId)
  const button = (words: string, act: Act): ReactNode => (
    <button type="button" className={act.kind === 'delete' ? 'quiet danger' : 'quiet'} onClick={() => onAct(act)}>
      {words}
      <span className="hidden"> {goal.title}</span>
    </button>
  )
  return (
    <div className="goal">
      <span className="goal-title">
        <strong>{goal.title}</strong>
        <span className="soft">
          {goal.level}
          {owner !== undefined && `, ${owner.name}`}
        </span>
      </span>
      <Status of={goal.status} tone={goalTones[goal.status]} />
      <span className="goal-acts">
        <Link to={pathOf(`issues?goalId=${goal.id}`)}>
          Issues<span className="hidden"> of {goal.title}</span>
        </Link>
        {button('Goal below', { kind: 'new', parentId: goal.id })}
        {button('Edit', { kind: 'edit', goal })}
        {button('Delete', { kind: 'delete', goal })}
      </span>
    </div>
  )
}
