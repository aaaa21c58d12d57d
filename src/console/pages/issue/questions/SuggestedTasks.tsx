import { useState } from 'react'
import type { ReactNode } from 'react'
import type { Interaction } from '../../../api/types.ts'
import { Problem } from '../../../parts/Problem.tsx'
import { VisibleText } from '../../../texts/VisibleText.tsx'
import { agentName, useAuthors } from '../Author.tsx'
import { IssueText } from '../IssueText.tsx'
import { suggestionOf, taskTree, withTask } from './payloads.ts'
import type { Task } from './payloads.ts'
import { Reject } from './Reject.tsx'
import { useResolve } from './useResolve.ts'

/** Issues that an agent suggests: all or some of them are created. */
export function SuggestedTasks({ interaction }: { readonly interaction: Interaction }): ReactNode {
  const { tasks } = suggestionOf(interaction)
  const [selected, setSelected] = useState<ReadonlySet<string>>(() => new Set(tasks.map(({ clientKey }) => clientKey)))
  const { resolve, isBusy, problem } = useResolve(interaction)
  const count = selected.size
  const accept = (): void =>
    resolve(
      'accept',
      count === tasks.length ? {} : { selectedClientKeys: [...selected] },
      count === 1 ? 'One issue is created.' : `${count} issues are created.`,
    )
  return (
    <>
      <ul className="suggested">
        {taskTree(tasks).map(({ task, depth }) => (
          <li key={task.clientKey} style={{ marginLeft: `${depth * 20}px` }}>
            <SuggestedTask
              task={task}
              isSelected={selected.has(task.clientKey)}
              onToggle={() => setSelected(withTask(tasks, selected, task.clientKey))}
            />
          </li>
        ))}
      </ul>
      {problem !== null && <Problem problem={problem} />}
      <div className="row">
        <button type="button" disabled={isBusy || count === 0} onClick={accept}>
          {count === 1 ? 'Create one issue' : `Create ${count} issues`}
        </button>
        <Reject interaction={interaction} words="Reject" needsReason={false}>
          <p>None of the suggested issues is created.</p>
        </Reject>
      </div>
    </>
  )
}

interface SuggestedTaskProps {
  readonly task: Task
  readonly isSelected: boolean
  readonly onToggle: () => void
}

function SuggestedTask({ task, isSelected, onToggle }: SuggestedTaskProps): ReactNode {
  const nameOf = useAuthors()
  return (
    <>
      <label className="option">
        <input type="checkbox" checked={isSelected} onChange={onToggle} />
        <span>
          <VisibleText text={task.title} />
          <span className="soft">
            {task.priority == null ? '' : ` ${task.priority}`}
            {task.assigneeAgentId == null ? '' : ` for ${agentName(nameOf, task.assigneeAgentId)}`}
          </span>
        </span>
      </label>
      {task.description != null && task.description.trim() !== '' && (
        <details>
          <summary>Description</summary>
          <IssueText text={task.description} />
        </details>
      )}
    </>
  )
}
