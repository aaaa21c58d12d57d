import type { ReactNode } from 'react'
import type { Interaction } from '../../../api/types.ts'
import { useCompanyPath } from '../../../frame/company.tsx'
import { Time } from '../../../parts/Time.tsx'
import { Link } from '../../../router/Link.tsx'
import { VisibleText } from '../../../texts/VisibleText.tsx'
import { Author } from '../Author.tsx'
import { IssueText } from '../IssueText.tsx'
import { ConfirmationText } from './Confirmation.tsx'
import { questionsOf, resultOf, suggestionOf } from './payloads.ts'

/** A question that waits no more: what was asked, and the answer. */
export function Answered({ interaction }: { readonly interaction: Interaction }): ReactNode {
  const { kind, resolvedAt, resolvedByAgentId, resolvedByUserId, status } = interaction
  const { reason, summaryMarkdown } = resultOf(interaction)
  const isByParty = resolvedByAgentId !== null || resolvedByUserId !== null
  return (
    <>
      {kind === 'request_confirmation' && <ConfirmationText interaction={interaction} />}
      {kind === 'ask_user_questions' && <Answers interaction={interaction} />}
      {kind === 'suggest_tasks' && <Created interaction={interaction} />}
      {summaryMarkdown != null && <IssueText text={summaryMarkdown} />}
      <p className="soft">
        {isByParty ? (
          <>
            <Author of={{ agentId: resolvedByAgentId, userId: resolvedByUserId }} begins /> {status} it
          </>
        ) : (
          `It is ${status}`
        )}{' '}
        <Time at={resolvedAt} />
        {reason != null && reason !== '' && (
          <>
            : <q>{reason}</q>
          </>
        )}
      </p>
    </>
  )
}

function Answers({ interaction }: { readonly interaction: Interaction }): ReactNode {
  const { answers = [] } = resultOf(interaction)
  return (
    <dl className="answers">
      {questionsOf(interaction).questions.map(({ id, prompt, options }) => {
        const chosen = answers.find(({ questionId }) => questionId === id)?.optionIds ?? []
        const labels = options.filter((option) => chosen.includes(option.id)).map(({ label }) => label)
        return (
          <div key={id}>
            <dt>
              <VisibleText text={prompt} />
            </dt>
            <dd>{labels.length === 0 ? <span className="soft">no answer</span> : <VisibleText text={labels.join(', ')} />}</dd>
          </div>
        )
      })}
    </dl>
  )
}

function Created({ interaction }: { readonly interaction: Interaction }): ReactNode {
  const pathOf = useCompanyPath()
  const { createdTasks = [] } = resultOf(interaction)
  return (
    <ul>
      {createdTasks.map(({ issueId, identifier, title }) => (
        <li key={issueId}>
          <Link to={pathOf(`issues/${identifier}`)}>
            <span className="mono">{identifier}</span> <VisibleText text={title} />
          </Link>
        </li>
      ))}
      {createdTasks.length === 0 &&
        suggestionOf(interaction).tasks.map(({ clientKey, title }) => (
          <li key={clientKey} className="soft">
            <VisibleText text={title} />
          </li>
        ))}
    </ul>
  )
}
