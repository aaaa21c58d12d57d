import { useState } from 'react'
import type { ReactNode } from 'react'
import type { Answer } from '../../api/client.ts'
import type { IssueDetail } from '../../api/types.ts'
import { useCompany, useCompanyPath } from '../../frame/company.tsx'
import { useKeys } from '../../keys/keys.ts'
import type { PageProps } from '../../pages.ts'
import { Empty, Skeleton } from '../../parts/Empty.tsx'
import { Page } from '../../parts/Page.tsx'
import { Problem } from '../../parts/Problem.tsx'
import { Link } from '../../router/Link.tsx'
import { Approvals } from './Approvals.tsx'
import { Composer } from './compose/Composer.tsx'
import { useIssue } from './data.ts'
import { DeleteIssue } from './DeleteIssue.tsx'
import { Documents } from './documents/Documents.tsx'
import { EditIssue, editing } from './EditIssue.tsx'
import { Facts } from './facts/Facts.tsx'
import { Relations } from './facts/Relations.tsx'
import { Files } from './files/Files.tsx'
import { Folded, Title, Trail } from './Head.tsx'
import { HoldSection, isHeldOrSaid } from './HoldSection.tsx'
import { IssueText } from './IssueText.tsx'
import { goTo } from './places.ts'
import { Results } from './Results.tsx'
import { ThreadSection } from './thread/ThreadSection.tsx'
import { useSave } from './useSave.ts'
import { hasTyped } from './useTyped.ts'
import { WhyLine } from './WhyLine.tsx'

/** One issue: its story to the left, its facts and its hold to the right. */
export default function IssuePage({ params }: PageProps): ReactNode {
  const given = params['issue'] ?? ''
  const read = useIssue(given)
  const answer = read.data
  if (answer === undefined || answer.data === null)
    return (
      <Page title={given}>
        {read.error === null ? <Skeleton lines={10} /> : <Missing given={given} problem={<Problem problem={read.error} />} />}
      </Page>
    )
  return <OneIssue key={answer.data.id} issue={answer} isGone={read.error?.status === 404} />
}

function Missing({ given, problem }: { readonly given: string; readonly problem: ReactNode }): ReactNode {
  const pathOf = useCompanyPath()
  return (
    <>
      {problem}
      <Empty title={`There may be no issue ${given}, or it was deleted.`}>
        <p>
          <Link to={pathOf('issues')}>Go to the issues</Link>
        </p>
      </Empty>
    </>
  )
}

interface OneIssueProps {
  readonly issue: Answer<IssueDetail>
  /** It was deleted while it was looked at. */
  readonly isGone: boolean
}

function OneIssue({ issue, isGone }: OneIssueProps): ReactNode {
  const { data } = issue
  const [isEditing, setEditing] = useState(() => hasTyped(editing(data.id)))
  const [isDeleting, setDeleting] = useState(false)
  const [isReleasing, setReleasing] = useState(false)
  const save = useSave(issue)
  useKeys('This issue', [
    { keys: 'c', label: 'Write a comment', run: () => goTo('comment') },
    { keys: 'e', label: 'Edit title and description', run: () => setEditing(true) },
    { keys: 's', label: 'Change the status', run: () => goTo('status') },
    { keys: 'a', label: 'Change the assignee', run: () => goTo('assignee') },
    { keys: 'r', label: 'Force-release its hold', run: () => setReleasing(isHeldOrSaid(data)) },
  ])
  return (
    <Page
      title={`${data.identifier} ${data.title}`}
      heading={<Title issue={data} />}
      above={<Trail issue={data} />}
      actions={
        <>
          <button type="button" className="secondary" onClick={() => setEditing(true)}>
            Edit
          </button>
          <button type="button" className="secondary danger" onClick={() => setDeleting(true)}>
            Delete
          </button>
        </>
      }
    >
      {isGone && <Gone identifier={data.identifier} />}
      <div className="issue-page">
        <div className="issue-head">
          <WhyLine issue={data} save={save} />
          {isEditing ? (
            <EditIssue issue={issue} onClose={() => setEditing(false)} />
          ) : (
            <Description issue={data} onEdit={() => setEditing(true)} />
          )}
        </div>
        <aside className="issue-aside" aria-label="About the issue">
          <Facts issue={data} save={save} />
          <HoldSection issueId={data.id} isReleasing={isReleasing} onReleased={() => setReleasing(false)} />
          <Relations issue={data} save={save} />
        </aside>
        <div className="issue-story">
          <Documents issue={data} />
          <Files issue={data} />
          <Results issue={data} />
          <Approvals issue={data} />
          <ThreadSection issue={data} />
          <Composer issue={data} />
        </div>
      </div>
      {isDeleting && <DeleteIssue issue={issue} onClose={() => setDeleting(false)} />}
    </Page>
  )
}

function Gone({ identifier }: { readonly identifier: string }): ReactNode {
  const pathOf = useCompanyPath()
  return (
    <div role="alert" className="problem">
      <p>
        <strong>{identifier} was deleted meanwhile.</strong> What is shown is how it was.{' '}
        <Link to={pathOf(`activity?entityType=issue`)}>Look at the activity</Link>
      </p>
    </div>
  )
}

function Description({ issue, onEdit }: { readonly issue: IssueDetail; readonly onEdit: () => void }): ReactNode {
  const { name } = useCompany()
  if (issue.description === null || issue.description.trim() === '')
    return (
      <p className="soft">
        It has no description, so agents of {name} know its title only.{' '}
        <button type="button" className="link" onClick={onEdit}>
          Describe it
        </button>
      </p>
    )
  return (
    <section className="card" aria-label="Description">
      <h2 className="hidden">Description</h2>
      <Folded text={issue.description}>
        <IssueText text={issue.description} />
      </Folded>
    </section>
  )
}
