import { useEffect, useId, useState } from 'react'
import type { KeyboardEvent, ReactNode } from 'react'
import type { Company } from '../api/types.ts'
import { Dialog } from '../parts/Dialog.tsx'
import { useDebounced } from '../parts/useDebounced.ts'
import { go } from '../router/location.ts'
import { groupsFor } from './found.ts'
import type { Entry, Group } from './found.ts'
import { useFindable } from './useFindable.ts'

interface PaletteProps {
  readonly companies: readonly Company[]
  /** Lists the keys. */
  readonly onKeys: () => void
  readonly onClose: () => void
}

const ASK_AFTER_MS = 120

/** Finds pages, issues by identifier and words, agents, runs by their ids, and acts. */
export function Palette({ companies, onKeys, onClose }: PaletteProps): ReactNode {
  const [typed, setTyped] = useState('')
  const findable = useFindable({ typed, asked: useDebounced(typed, ASK_AFTER_MS), companies, onKeys })
  const groups = groupsFor(typed, findable)
  const open = ({ to }: Entry): void => {
    onClose()
    if (typeof to === 'string') go(to)
    else to()
  }
  return (
    <Dialog title="Find" onClose={onClose}>
      <Combobox groups={groups} typed={typed} onTyped={setTyped} onOpen={open} />
    </Dialog>
  )
}

interface ComboboxProps {
  readonly groups: readonly Group[]
  readonly typed: string
  readonly onTyped: (text: string) => void
  readonly onOpen: (entry: Entry) => void
}

const moves: Readonly<Record<string, number>> = { ArrowDown: 1, ArrowUp: -1 }

/** A field with a list below it: the focus stays in the field, and the arrows move through the list. */
function Combobox({ groups, typed, onTyped, onOpen }: ComboboxProps): ReactNode {
  const id = useId()
  const [at, setAt] = useState(0)
  const all = groups.flatMap(({ entries }) => entries)
  const shown = Math.min(at, all.length - 1)
  const idOf = (index: number): string => `${id}-${index}`
  useEffect(() => {
    // Browsers return a promise from it, which is no cleanup of an effect.
    document.getElementById(`${id}-${shown}`)?.scrollIntoView({ block: 'nearest' })
  }, [id, shown])
  const onKeyDown = (event: KeyboardEvent): void => {
    const by = moves[event.key]
    const entry = all[shown]
    if (by !== undefined) setAt((shown + by + all.length) % Math.max(1, all.length))
    else if (event.key === 'Enter' && entry !== undefined) onOpen(entry)
    else return
    event.preventDefault()
  }
  return (
    <div className="palette">
      <input
        type="text"
        role="combobox"
        data-first=""
        autoFocus
        aria-label="Find"
        aria-expanded="true"
        aria-controls={id}
        aria-activedescendant={shown < 0 ? undefined : idOf(shown)}
        placeholder="An issue, an agent, a run, a page, an act"
        value={typed}
        onChange={({ target }) => {
          onTyped(target.value)
          setAt(0)
        }}
        onKeyDown={onKeyDown}
      />
      <div role="listbox" id={id} aria-label="Found">
        {groups.map(({ name, entries }) => (
          <div key={name} role="group" aria-label={name}>
            <div className="group-name soft" aria-hidden="true">
              {name}
            </div>
            {entries.map((entry) => {
              const index = all.indexOf(entry)
              const option = { id: idOf(index), isAt: index === shown, onPoint: () => setAt(index), onOpen: () => onOpen(entry) }
              return <Option key={entry.key} entry={entry} {...option} />
            })}
          </div>
        ))}
      </div>
      {all.length === 0 && <p className="soft">Nothing has these words.</p>}
    </div>
  )
}

interface OptionProps {
  readonly entry: Entry
  readonly id: string
  readonly isAt: boolean
  readonly onPoint: () => void
  readonly onOpen: () => void
}

const Option = ({ entry, id, isAt, onPoint, onOpen }: OptionProps): ReactNode => (
  <div id={id} role="option" tabIndex={-1} aria-selected={isAt} onPointerMove={onPoint} onClick={onOpen}>
    <span>{entry.words}</span>
    {entry.note !== undefined && <span className="soft">{entry.note}</span>}
  </div>
)
