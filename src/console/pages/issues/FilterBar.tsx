import { useEffect, useRef, useState } from 'react'
import type { ReactNode, RefObject } from 'react'
import { Popup } from '../../parts/Popup.tsx'
import { Status, wordsOf } from '../../parts/Status.tsx'
import type { Choice } from '../../parts/fields.tsx'
import { useDebounced } from '../../parts/useDebounced.ts'
import { setQuery } from '../../router/location.ts'
import { FilterChips } from './FilterChips.tsx'
import { FilterDrawer } from './FilterDrawer.tsx'
import { openStatuses, priorities, statuses, toggled, valuesOf, wordsOfValues } from './filters.ts'
import type { Filter, IssuePriority, IssueStatus } from './filters.ts'
import { assigneeChoices, choicesOf } from './names.ts'
import type { Names } from './names.ts'
import { Priority } from './Priority.tsx'

interface FilterBarProps {
  readonly filter: Filter
  readonly names: Names
  readonly search: RefObject<HTMLInputElement | null>
}

/** The filters that are used most, and a way to all of them. */
export function FilterBar({ filter, names, search }: FilterBarProps): ReactNode {
  const [isOpen, setOpen] = useState(false)
  return (
    <>
      <div className="filter-bar" role="search" aria-label="Filters of the issues">
        <Search q={filter.q ?? ''} field={search} />
        <Several
          name="status"
          value={filter.status}
          known={statuses}
          many="statuses"
          named={{ open: openStatuses, all: statuses }}
          show={(status) => <Status of={status} />}
        />
        <Several
          name="priority"
          value={filter.priority}
          known={priorities}
          many="priorities"
          show={(priority) => <Priority of={priority} />}
        />
        <OneOf
          label="Assignee"
          value={assigneeValue(filter)}
          choices={[{ value: 'user:me', label: 'Me' }, { value: 'none', label: 'Unassigned' }, ...others(names)]}
          onChange={(value) => setQuery(assigneeQuery(value))}
        />
        <OneOf
          label="Project"
          value={filter.projectId ?? ''}
          choices={choicesOf(names.projects)}
          onChange={(projectId) => setQuery({ projectId })}
        />
        <OneOf label="Label" value={filter.labelId ?? ''} choices={choicesOf(names.labels)} onChange={(labelId) => setQuery({ labelId })} />
        <button type="button" className="secondary" onClick={() => setOpen(true)}>
          More filters
        </button>
      </div>
      <FilterChips filter={filter} names={names} />
      {isOpen && <FilterDrawer filter={filter} names={names} onClose={() => setOpen(false)} />}
    </>
  )
}

/** Assignees but the reader, who is in the list as "Me". */
const others = (names: Names): readonly Choice[] => assigneeChoices(names).filter(({ value }) => value !== `user:${names.me ?? ''}`)

const assigneeValue = ({ unassigned, assigneeAgentId, assigneeUserId }: Filter): string =>
  unassigned === 'true'
    ? 'none'
    : assigneeAgentId !== undefined
      ? `agent:${assigneeAgentId}`
      : assigneeUserId === undefined
        ? ''
        : `user:${assigneeUserId}`

const assigneeQuery = (value: string): Readonly<Record<string, string | null>> => ({
  unassigned: value === 'none' ? 'true' : null,
  assigneeAgentId: value.startsWith('agent:') ? value.slice(6) : null,
  assigneeUserId: value.startsWith('user:') ? value.slice(5) : null,
})

/** The words to search for. The address follows when no key is pressed for a moment. */
function Search({ q, field }: { readonly q: string; readonly field: RefObject<HTMLInputElement | null> }): ReactNode {
  const [text, setText] = useState(q)
  const settled = useDebounced(text.trim())
  // The words that the address has by this field: those of another origin, such as a view, replace what was typed.
  const sent = useRef(q)
  const send = (words: string): void => {
    if (words === sent.current) return
    sent.current = words
    setQuery({ q: words })
  }
  useEffect(() => {
    if (q === sent.current) return
    sent.current = q
    setText(q)
  }, [q])
  useEffect(() => send(settled), [settled])
  return (
    <input
      ref={field}
      type="search"
      aria-label="Search in the issues"
      placeholder="Search: words, ACM-12   ( / )"
      maxLength={500}
      value={text}
      onChange={({ target }) => setText(target.value)}
      onKeyDown={(event) => {
        if (event.key === 'Enter') send(text.trim())
        if (event.key !== 'Enter' && event.key !== 'Escape') return
        // The browser would empty the field at `Escape`.
        event.preventDefault()
        event.currentTarget.blur()
      }}
    />
  )
}

interface SeveralProps<T extends string> {
  readonly name: string
  readonly value: string | undefined
  readonly known: readonly T[]
  /** The noun for more than one. */
  readonly many: string
  /** Names for sets of values. */
  readonly named?: Readonly<Record<string, readonly T[]>>
  readonly show: (value: T) => ReactNode
}

/** A filter with several values, as boxes in a panel. */
function Several<T extends IssueStatus | IssuePriority>({ name, value, known, many, named = {}, show }: SeveralProps<T>): ReactNode {
  const values = valuesOf(value, known)
  const title = wordsOf(name)
  const label =
    values.length === 0 ? `Any ${title}` : `${title.charAt(0).toUpperCase()}${title.slice(1)}: ${wordsOfValues(values, many, named)}`
  return (
    <Popup label={label} isSet={values.length > 0}>
      <fieldset className="several">
        <legend className="hidden">{title}</legend>
        {known.map((one) => (
          <label key={one} className="check">
            <input type="checkbox" checked={values.includes(one)} onChange={() => setQuery({ [name]: toggled(value, one, known) })} />{' '}
            {show(one)}
          </label>
        ))}
        {Object.entries(named).map(([words, set]) => (
          <button key={words} type="button" className="quiet" onClick={() => setQuery({ [name]: set.join(',') })}>
            Choose {words}
          </button>
        ))}
      </fieldset>
    </Popup>
  )
}

interface OneOfProps {
  readonly label: string
  readonly value: string
  readonly choices: readonly Choice[]
  readonly onChange: (value: string) => void
}

/** A filter with one value. A value that is none of the choices, from an address, stays. */
function OneOf({ label, value, choices, onChange }: OneOfProps): ReactNode {
  const isKnown = value === '' || choices.some((choice) => choice.value === value)
  return (
    <select aria-label={label} className={value === '' ? '' : 'set'} value={value} onChange={({ target }) => onChange(target.value)}>
      <option value="">Any {label.toLowerCase()}</option>
      {!isKnown && <option value={value}>{value}</option>}
      {choices.map((choice) => (
        <option key={choice.value} value={choice.value}>
          {choice.label}
        </option>
      ))}
    </select>
  )
}
