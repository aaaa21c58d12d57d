import { useEffect, useId, useState } from 'react'
import type { KeyboardEvent, ReactNode } from 'react'
import { inBackground } from '../api/background.ts'
import type { ApiProblem } from '../api/client.ts'
import { Dialog } from './Dialog.tsx'
import { Problem } from './Problem.tsx'

export interface Pick {
  readonly value: string
  readonly label: string
  /** How the choice is shown, where it is more than its words. */
  readonly shown?: ReactNode
}

interface PickDialogProps {
  readonly title: string
  readonly choices: readonly Pick[]
  /** The value that it has. */
  readonly value: string
  /** Makes the choice. The dialog closes when it has succeeded. */
  readonly act: (value: string) => Promise<unknown>
  readonly onClose: () => void
  /** More about a refusal, such as who made the change that came before. */
  readonly aboutProblem?: (problem: ApiProblem, again: () => void) => ReactNode
}

const startsOrHas = (choices: readonly Pick[], text: string): readonly Pick[] => {
  const wanted = text.trim().toLowerCase()
  const found = choices.filter(({ label }) => label.toLowerCase().includes(wanted))
  return found.toSorted(
    (one, other) => Number(other.label.toLowerCase().startsWith(wanted)) - Number(one.label.toLowerCase().startsWith(wanted)),
  )
}

/** One choice of several, found by typing: arrows move, `enter` chooses. */
export function PickDialog({ title, choices, value, act, onClose, aboutProblem }: PickDialogProps): ReactNode {
  const [text, setText] = useState('')
  const [problem, setProblem] = useState<{ readonly of: string; readonly is: ApiProblem } | null>(null)
  const [isBusy, setBusy] = useState(false)
  const found = text.trim() === '' ? choices : startsOrHas(choices, text)
  const choose = async (chosen: string): Promise<void> => {
    if (isBusy) return
    setBusy(true)
    setProblem(null)
    try {
      await act(chosen)
      onClose()
    } catch (error) {
      setProblem({ of: chosen, is: error as ApiProblem })
      setBusy(false)
    }
  }
  return (
    <Dialog title={title} onClose={onClose}>
      <Choices
        title={title}
        found={found}
        value={value}
        text={text}
        isBusy={isBusy}
        onText={setText}
        onChoose={(chosen) => inBackground(choose(chosen))}
      />
      {problem !== null && <Problem problem={problem.is} />}
      {problem !== null && aboutProblem?.(problem.is, () => inBackground(choose(problem.of)))}
    </Dialog>
  )
}

interface ChoicesProps {
  readonly title: string
  readonly found: readonly Pick[]
  readonly value: string
  readonly text: string
  readonly isBusy: boolean
  readonly onText: (text: string) => void
  readonly onChoose: (value: string) => void
}

const moves: Readonly<Record<string, number>> = { ArrowDown: 1, ArrowUp: -1 }

/** A field to type in, and the list of what fits. */
function Choices({ title, found, value, text, isBusy, onText, onChoose }: ChoicesProps): ReactNode {
  const id = useId()
  const [at, setAt] = useState(() =>
    Math.max(
      0,
      found.findIndex((choice) => choice.value === value),
    ),
  )
  const shown = Math.min(at, found.length - 1)
  useEffect(() => {
    // Newer browsers return a promise from it, which an effect must not.
    document.getElementById(`${id}-${shown}`)?.scrollIntoView({ block: 'nearest' })
  }, [id, shown])
  const onKeyDown = (event: KeyboardEvent): void => {
    const by = moves[event.key]
    const chosen = found[shown]
    if (by !== undefined) setAt((shown + by + found.length) % Math.max(1, found.length))
    else if (event.key === 'Enter' && chosen !== undefined) onChoose(chosen.value)
    else return
    event.preventDefault()
  }
  return (
    <div className="picker" aria-busy={isBusy}>
      <input
        type="text"
        role="combobox"
        data-first=""
        aria-label={title}
        aria-expanded="true"
        aria-controls={id}
        aria-activedescendant={shown < 0 ? undefined : `${id}-${shown}`}
        placeholder="Type to find"
        value={text}
        onChange={({ target }) => {
          onText(target.value)
          setAt(0)
        }}
        onKeyDown={onKeyDown}
      />
      <ul role="listbox" id={id} aria-label={title}>
        {found.map((choice, index) => (
          <li
            key={choice.value}
            id={`${id}-${index}`}
            role="option"
            aria-selected={index === shown}
            onPointerMove={() => setAt(index)}
            onClick={() => onChoose(choice.value)}
          >
            <span>{choice.shown ?? choice.label}</span>
            {choice.value === value && <span className="soft">now</span>}
          </li>
        ))}
      </ul>
      {found.length === 0 && <p className="soft">Nothing has these words.</p>}
    </div>
  )
}
