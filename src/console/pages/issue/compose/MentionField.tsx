import { useId, useRef, useState } from 'react'
import type { ClipboardEvent, KeyboardEvent, ReactNode, RefObject } from 'react'
import { flushSync } from 'react-dom'
import type { Agent } from '../../../api/types.ts'
import { useAgents } from '../data.ts'
import { filesOf } from '../files/uploads.ts'
import { askedAt, completed, fitting, mentionOf } from './mentions.ts'
import type { Asked } from './mentions.ts'

interface MentionFieldProps {
  readonly id: string
  readonly label: string
  readonly value: string
  readonly onChange: (value: string) => void
  readonly onSend: () => void
  readonly onFiles: (files: readonly File[]) => void
}

interface Completion {
  readonly found: readonly Agent[]
  readonly chosen: number
  /** Looks at what stands before the caret. */
  readonly look: () => void
  readonly pick: (at: number) => void
  readonly close: () => void
  /** The act of a key while the list is shown. */
  readonly onKey: (key: string) => (() => void) | undefined
}

/** The completion of `@` in a field. */
function useCompletion(field: RefObject<HTMLTextAreaElement | null>, value: string, onChange: (value: string) => void): Completion {
  const [asked, setAsked] = useState<Asked | null>(null)
  const [chosen, setChosen] = useState(0)
  const agents = useAgents().filter(({ status }) => status !== 'terminated')
  const found = asked === null ? [] : fitting(agents, asked.letters)
  const pick = (at: number): void => {
    const agent = found[at]
    if (asked === null || agent === undefined) return
    const done = completed(value, asked, mentionOf(agent, agents))
    // The caret has its place before the next letter: one that was put there a frame later would part what is typed on.
    flushSync(() => {
      onChange(done.text)
      setAsked(null)
    })
    field.current?.focus()
    field.current?.setSelectionRange(done.caret, done.caret)
  }
  const keys: Readonly<Record<string, () => void>> = {
    ArrowDown: () => setChosen((chosen + 1) % found.length),
    ArrowUp: () => setChosen((chosen + found.length - 1) % found.length),
    Enter: () => pick(chosen),
    Tab: () => pick(chosen),
    Escape: () => setAsked(null),
  }
  return {
    found,
    chosen,
    look() {
      const element = field.current
      if (element === null) return
      setAsked(element.selectionStart === element.selectionEnd ? askedAt(element.value, element.selectionStart) : null)
      setChosen(0)
    },
    pick,
    close: () => setAsked(null),
    onKey: (key) => (found.length > 0 ? keys[key] : undefined),
  }
}

/** A field for a longer text: `@` completes the names of agents, `Ctrl+Enter` sends, and files are pasted. */
export function MentionField(props: MentionFieldProps): ReactNode {
  const { id, label, value, onChange, onSend, onFiles } = props
  const field = useRef<HTMLTextAreaElement>(null)
  const listId = useId()
  const { found, chosen, look, pick, close, onKey } = useCompletion(field, value, onChange)
  const onKeyDown = (event: KeyboardEvent): void => {
    if (event.nativeEvent.isComposing) return
    const isSend = event.key === 'Enter' && (event.ctrlKey || event.metaKey)
    const act = isSend ? onSend : onKey(event.key)
    if (act === undefined) return
    event.preventDefault()
    act()
  }
  const onPaste = (event: ClipboardEvent): void => {
    const files = filesOf(event.clipboardData)
    if (files.length === 0) return
    event.preventDefault()
    onFiles(files)
  }
  return (
    <div className="field mention-field">
      <label htmlFor={id}>{label}</label>
      <textarea
        ref={field}
        id={id}
        rows={5}
        value={value}
        maxLength={200_000}
        aria-autocomplete="list"
        aria-controls={found.length > 0 ? listId : undefined}
        aria-activedescendant={found.length > 0 ? `${listId}-${chosen}` : undefined}
        aria-describedby={`${id}-hint`}
        onChange={({ target }) => onChange(target.value)}
        onInput={look}
        onClick={look}
        onBlur={close}
        onKeyDown={onKeyDown}
        onPaste={onPaste}
      />
      {found.length > 0 && <Mentions id={listId} agents={found} chosen={chosen} onPick={pick} />}
      <p id={`${id}-hint`} className="soft">
        Markdown. <kbd>@</kbd> names an agent and wakes it, <kbd>Ctrl</kbd> <kbd>Enter</kbd> sends.
      </p>
    </div>
  )
}

interface MentionsProps {
  readonly id: string
  readonly agents: readonly Agent[]
  readonly chosen: number
  readonly onPick: (at: number) => void
}

const Mentions = ({ id, agents, chosen, onPick }: MentionsProps): ReactNode => (
  <ul id={id} role="listbox" aria-label="Agents to mention" className="mentions">
    {agents.map((agent, at) => (
      <li
        key={agent.id}
        id={`${id}-${at}`}
        role="option"
        aria-selected={at === chosen}
        // The field keeps the focus.
        onMouseDown={(event) => {
          event.preventDefault()
          onPick(at)
        }}
      >
        {agent.name} <span className="soft">{agent.title ?? agent.role}</span>
      </li>
    ))}
  </ul>
)
