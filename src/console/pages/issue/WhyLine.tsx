import type { ReactNode } from 'react'
import { inBackground } from '../../api/background.ts'
import type { IssueDetail } from '../../api/types.ts'
import { useCompanyPath } from '../../frame/company.tsx'
import { Status } from '../../parts/Status.tsx'
import { Elapsed } from '../../parts/Time.tsx'
import { Link } from '../../router/Link.tsx'
import { agentName, personName, useAuthors } from './Author.tsx'
import { useWhy } from './data.ts'
import { goTo } from './places.ts'
import type { Save } from './useSave.ts'
import { whySentence } from './why.ts'
import type { WhyAct } from './why.ts'

interface WhyLineProps {
  readonly issue: IssueDetail
  readonly save: Save
}

/** Answers "why does nothing happen?" in one sentence, with the one act that changes it. */
export function WhyLine({ issue, save }: WhyLineProps): ReactNode {
  const why = useWhy(issue.id).data?.data
  const nameOf = useAuthors()
  if (why === undefined) return <div className="why" aria-hidden="true" />
  const names = { agent: (id: string) => agentName(nameOf, id), person: (id: string) => personName(nameOf, id) }
  const { tone, sentence, act } = whySentence(why, issue, names)
  return (
    <section className={`why ${tone}`} aria-label="Why does nothing happen?">
      <p>
        <Status of={why.why} tone={tone} words={sentence} />{' '}
        <span className="soft">
          For <Elapsed from={why.since} />.
        </span>
      </p>
      {act !== null && <Act act={act} save={save} />}
    </section>
  )
}

function Act({ act, save }: { readonly act: WhyAct; readonly save: Save }): ReactNode {
  const pathOf = useCompanyPath()
  if (act.kind === 'open')
    return (
      <Link className="button secondary" to={pathOf(act.path)}>
        {act.words}
      </Link>
    )
  const run = async (): Promise<void> => {
    if (act.kind === 'focus') goTo(act.at)
    else await save.save({ status: act.to }, 'The issue is in todo.')
  }
  return (
    <button type="button" className="secondary" onClick={() => inBackground(run())}>
      {act.words}
    </button>
  )
}
