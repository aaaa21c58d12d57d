import { useState } from 'react'
import type { ReactNode } from 'react'
import { Dialog } from '../../parts/Dialog.tsx'
import { CheckField, SelectField, TextField } from '../../parts/fields.tsx'
import type { Choice } from '../../parts/fields.tsx'
import { useDebouncedAct } from '../../parts/useDebounced.ts'
import { setQuery } from '../../router/location.ts'
import { drawerNames } from './filters.ts'
import type { DrawerName, Filter } from './filters.ts'
import { drawerWords } from './FilterChips.tsx'
import { IssuePicker } from './IssuePicker.tsx'
import { choicesOf } from './names.ts'
import type { Names } from './names.ts'

interface DrawerProps {
  readonly filter: Filter
  readonly names: Names
  readonly onClose: () => void
}

/** The people that a filter can name: the reader first, by a word that fits every reader of the address. */
const peopleChoices = ({ people, me }: Names): readonly Choice[] => [
  { value: 'me', label: 'Me' },
  ...choicesOf(people.filter(({ id }) => id !== me)),
]

/** All filters that the bar has no control for. Each has its effect at once. */
export function FilterDrawer({ filter, names, onClose }: DrawerProps): ReactNode {
  const select = (name: DrawerName, choices: readonly Choice[]): ReactNode => (
    <SelectField
      label={drawerWords[name]}
      value={filter[name] ?? ''}
      choices={withValue(choices, filter[name])}
      none="Any"
      onChange={(value) => setQuery({ [name]: value })}
    />
  )
  const text = (name: DrawerName): ReactNode => <TextFilter key={name} name={name} value={filter[name] ?? ''} />
  const [people, agents] = [peopleChoices(names), choicesOf(names.agents)]
  return (
    <Dialog title="More filters" kind="drawer" onClose={onClose}>
      <IssuePicker
        label={drawerWords.parentId}
        hint="Its children are listed."
        chosen={[]}
        onAdd={({ id }) => setQuery({ parentId: id })}
        onRemove={() => setQuery({ parentId: null })}
      />
      {select('goalId', choicesOf(names.goals))}
      {select('participantAgentId', agents)}
      {select('createdByAgentId', agents)}
      {select('createdByUserId', people)}
      {select('touchedByUserId', people)}
      {select('unreadForUserId', people)}
      {select('inboxArchivedByUserId', people)}
      {text('originKind')}
      {text('originId')}
      {text('workspaceId')}
      {text('executionWorkspaceId')}
      <CheckField
        label={drawerWords.includeRoutineExecutions}
        value={filter.includeRoutineExecutions === 'true'}
        onChange={(isSet) => setQuery({ includeRoutineExecutions: isSet ? 'true' : null })}
      />
      <footer>
        <button
          type="button"
          className="secondary"
          onClick={() => {
            setQuery(Object.fromEntries(drawerNames.map((name) => [name, null])))
            onClose()
          }}
        >
          Remove these filters
        </button>
        <button type="button" onClick={onClose}>
          Show the issues
        </button>
      </footer>
    </Dialog>
  )
}

/** A value of an address that is none of the choices stays a choice. */
const withValue = (choices: readonly Choice[], value: string | undefined): readonly Choice[] =>
  value === undefined || choices.some((choice) => choice.value === value) ? choices : [{ value, label: value }, ...choices]

/** A filter by a text, such as an id. The address follows when no key is pressed for a moment. */
function TextFilter({ name, value }: { readonly name: DrawerName; readonly value: string }): ReactNode {
  const [text, setText] = useState(value)
  const send = useDebouncedAct((given: string) => setQuery({ [name]: given.trim() }))
  return (
    <TextField
      label={drawerWords[name]}
      value={text}
      maxLength={200}
      onChange={(given) => {
        setText(given)
        send(given)
      }}
    />
  )
}
