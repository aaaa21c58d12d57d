import { memo } from 'react'
import type { ReactNode } from 'react'
import type { Interaction } from '../../../api/types.ts'
import { Status, wordsOf } from '../../../parts/Status.tsx'
import type { Tone } from '../../../parts/Status.tsx'
import { Time } from '../../../parts/Time.tsx'
import { VisibleText } from '../../../texts/VisibleText.tsx'
import { Author, creatorOf } from '../Author.tsx'
import { Answered } from './Answered.tsx'
import { Confirmation } from './Confirmation.tsx'
import { Questions } from './Questions.tsx'
import { SuggestedTasks } from './SuggestedTasks.tsx'

const subjects: Readonly<Record<Interaction['kind'], string>> = {
  request_confirmation: 'asks for a confirmation',
  ask_user_questions: 'asks',
  suggest_tasks: 'suggests issues',
}

const tones: Readonly<Partial<Record<Interaction['status'], Tone>>> = { accepted: 'good', answered: 'good', rejected: 'bad' }

const forms = { request_confirmation: Confirmation, ask_user_questions: Questions, suggest_tasks: SuggestedTasks } as const

/** A question of an agent to the board, answered in its place. */
export const Question = memo(function Question({ interaction }: { readonly interaction: Interaction }): ReactNode {
  const { kind, status, title, summary, createdAt } = interaction
  const Form = forms[kind]
  return (
    <article className={`card question ${status}`} aria-label="Question">
      <header>
        <Author of={creatorOf(interaction)} begins /> {subjects[kind]}
        <Status
          of={status}
          tone={status === 'pending' ? 'warn' : (tones[status] ?? 'quiet')}
          words={status === 'pending' ? 'waits for you' : wordsOf(status)}
        />
        <span className="soft when">
          <Time at={createdAt} />
        </span>
      </header>
      {title !== null && (
        <h3>
          <VisibleText text={title} />
        </h3>
      )}
      {summary !== null && (
        <p>
          <VisibleText text={summary} />
        </p>
      )}
      {status === 'pending' ? <Form interaction={interaction} /> : <Answered interaction={interaction} />}
    </article>
  )
})
