import type { ReactNode } from 'react'
import { inBackground } from '../../../api/background.ts'
import type { IssueDetail } from '../../../api/types.ts'
import { useCompanyPath } from '../../../frame/company.tsx'
import { Fact, Facts as FactList } from '../../../parts/Facts.tsx'
import { SelectField } from '../../../parts/fields.tsx'
import { Problem } from '../../../parts/Problem.tsx'
import { wordsOf } from '../../../parts/Status.tsx'
import { Time } from '../../../parts/Time.tsx'
import { Link } from '../../../router/Link.tsx'
import { Author, creatorOf } from '../Author.tsx'
import { Contested } from '../Contested.tsx'
import { useProjects } from '../data.ts'
import type { IssueChanges } from '../data.ts'
import type { Save } from '../useSave.ts'
import { AssigneeField } from './AssigneeField.tsx'
import { Labels } from './Labels.tsx'
import { ParentField } from './ParentField.tsx'
import type { FactsProps } from './props.ts'

const statuses: readonly IssueDetail['status'][] = ['backlog', 'todo', 'in_progress', 'in_review', 'blocked', 'done', 'cancelled']
const priorities: readonly IssueDetail['priority'][] = ['critical', 'high', 'medium', 'low']
const choicesOf = (values: readonly string[]) => values.map((value) => ({ value, label: wordsOf(value) }))

/** The facts of the issue: each is changed in its place. */
export function Facts({ issue, save }: FactsProps): ReactNode {
  const shown = { ...issue, ...save.pending }
  const set = (changes: IssueChanges, words: string): void => inBackground(save.save(changes, words))
  return (
    <section className="card issue-facts" aria-label="Facts">
      <h2>Facts</h2>
      <div data-fact="status">
        <SelectField
          label="Status"
          value={shown.status}
          choices={choicesOf(statuses)}
          onChange={(value) => set({ status: value as IssueDetail['status'] }, `The status is ${wordsOf(value)}.`)}
        />
      </div>
      <SelectField
        label="Priority"
        value={shown.priority}
        choices={choicesOf(priorities)}
        onChange={(value) => set({ priority: value as IssueDetail['priority'] }, `The priority is ${value}.`)}
      />
      <AssigneeField issue={issue} save={save} />
      <ProjectField issue={issue} save={save} />
      <ParentField issue={issue} save={save} />
      <Labels issue={issue} save={save} />
      <Refusals save={save} />
      <Dates issue={issue} />
    </section>
  )
}

function Refusals({ save }: { readonly save: Save }): ReactNode {
  const { contest } = save
  return (
    <>
      {save.problem !== null && <Problem problem={save.problem} />}
      {contest !== null && (
        <Contested
          contest={contest}
          onYield={save.dismiss}
          onKeep={() => inBackground(save.save(contest.changes, 'Your change is saved.', contest.conflict.current))}
        />
      )}
    </>
  )
}

function ProjectField({ issue, save }: FactsProps): ReactNode {
  const pathOf = useCompanyPath()
  const projects = useProjects()
  const projectId = save.pending?.projectId ?? issue.projectId ?? ''
  // A project that was archived is no choice any more, and is still the project of the issue.
  const known = projects.map(({ id, name }) => ({ value: id, label: name }))
  const own =
    issue.project === null || known.some(({ value }) => value === issue.projectId)
      ? []
      : [{ value: issue.project.id, label: issue.project.name }]
  return (
    <>
      <SelectField
        label="Project"
        value={projectId}
        none="No project"
        choices={[...own, ...known]}
        onChange={(value) => inBackground(save.save({ projectId: value === '' ? null : value }, 'The project is changed.'))}
      />
      {issue.projectId !== null && (
        <p className="beside">
          <Link to={pathOf(`projects/${issue.projectId}`)}>Open the project</Link>
        </p>
      )}
    </>
  )
}

function Dates({ issue }: { readonly issue: IssueDetail }): ReactNode {
  return (
    <FactList>
      <Fact name="Made">
        <Time at={issue.createdAt} /> by <Author of={creatorOf(issue)} />
      </Fact>
      <Fact name="Changed">
        <Time at={issue.updatedAt} />
      </Fact>
      {issue.startedAt !== null && (
        <Fact name="Started">
          <Time at={issue.startedAt} />
        </Fact>
      )}
      {issue.completedAt !== null && (
        <Fact name="Completed">
          <Time at={issue.completedAt} />
        </Fact>
      )}
      {issue.cancelledAt !== null && (
        <Fact name="Cancelled">
          <Time at={issue.cancelledAt} />
        </Fact>
      )}
      {issue.goal !== null && <Fact name="Goal">{issue.goal.title}</Fact>}
    </FactList>
  )
}
