import { useState } from 'react'
import type { ReactNode } from 'react'
import type { Interaction } from '../../../api/types.ts'
import { TextField } from '../../../parts/fields.tsx'
import { Problem } from '../../../parts/Problem.tsx'
import { VisibleText } from '../../../texts/VisibleText.tsx'
import { questionsOf } from './payloads.ts'
import type { AskedQuestion } from './payloads.ts'
import { useResolve } from './useResolve.ts'

type Chosen = Readonly<Record<string, readonly string[]>>

/** Questions with options, answered together, with words of one's own. */
export function Questions({ interaction }: { readonly interaction: Interaction }): ReactNode {
  const { questions, title, submitLabel } = questionsOf(interaction)
  const [chosen, setChosen] = useState<Chosen>({})
  const [words, setWords] = useState('')
  const { resolve, isBusy, problem } = useResolve(interaction)
  const missing = questions.filter(({ id, required }) => required === true && (chosen[id] ?? []).length === 0)
  const answers = questions.flatMap(({ id }) => {
    const optionIds = chosen[id] ?? []
    return optionIds.length === 0 ? [] : [{ questionId: id, optionIds }]
  })
  return (
    <form
      onSubmit={(event) => {
        event.preventDefault()
        resolve('respond', { answers, summaryMarkdown: words.trim() === '' ? null : words }, 'The answer is sent.')
      }}
    >
      {title != null && (
        <p>
          <VisibleText text={title} />
        </p>
      )}
      {questions.map((question) => (
        <Asked
          key={question.id}
          question={question}
          name={`${interaction.id} ${question.id}`}
          chosen={chosen[question.id] ?? []}
          onChange={(optionIds) => setChosen({ ...chosen, [question.id]: optionIds })}
        />
      ))}
      <TextField label="In your own words" value={words} onChange={setWords} rows={2} hint="Optional; markdown" />
      {problem !== null && <Problem problem={problem} />}
      <button type="submit" disabled={isBusy || missing.length > 0}>
        {submitLabel ?? 'Answer'}
      </button>
      {missing.length > 0 && <span className="soft"> A required question has no answer yet.</span>}
    </form>
  )
}

interface AskedProps {
  readonly question: AskedQuestion
  readonly name: string
  readonly chosen: readonly string[]
  readonly onChange: (optionIds: readonly string[]) => void
}

function Asked({ question, name, chosen, onChange }: AskedProps): ReactNode {
  const isSingle = question.selectionMode === 'single'
  const toggle = (id: string, isOn: boolean): void => {
    if (isSingle) onChange([id])
    else onChange(isOn ? [...chosen, id] : chosen.filter((other) => other !== id))
  }
  return (
    <fieldset>
      <legend>
        <VisibleText text={question.prompt} />
        {question.required === true && <span className="soft"> (required)</span>}
      </legend>
      {question.helpText != null && <p className="soft">{question.helpText}</p>}
      {question.options.map(({ id, label, description }) => (
        <label key={id} className="option">
          <input
            type={isSingle ? 'radio' : 'checkbox'}
            name={name}
            checked={chosen.includes(id)}
            onChange={({ target }) => toggle(id, target.checked)}
          />
          <span>
            <VisibleText text={label} />
            {description != null && <span className="soft"> {description}</span>}
          </span>
        </label>
      ))}
    </fieldset>
  )
}
