import type { ReactNode, RefObject } from 'react'
import type { Hold, Project } from '../../api/types.ts'
import { setQuery } from '../../router/location.ts'
import { ages, aliveChoices, isFiltered, NO_PROJECT, noFilter } from './filters.ts'
import type { LockFilter } from './filters.ts'

interface Choice {
  readonly value: string
  readonly label: string
}

interface ChooserProps {
  /** Its name in the address, and its accessible name. */
  readonly name: string
  readonly label: string
  readonly none: string
  readonly value: string
  readonly choices: readonly Choice[]
}

/** One filter. A value of the address that is no choice of the list stays visible. */
function Chooser({ name, label, none, value, choices }: ChooserProps): ReactNode {
  const isKnown = value === '' || choices.some((choice) => choice.value === value)
  return (
    <select
      aria-label={label}
      className={value === '' ? undefined : 'set'}
      value={value}
      onChange={({ target }) => setQuery({ [name]: target.value })}
    >
      <option value="">{none}</option>
      {[...choices, ...(isKnown ? [] : [{ value, label: value }])].map((choice) => (
        <option key={choice.value} value={choice.value}>
          {choice.label}
        </option>
      ))}
    </select>
  )
}

/** The agents that hold something, by name. */
function holdersOf(holds: readonly Hold[]): Choice[] {
  const names = new Map(holds.flatMap(({ holder }) => (holder === null ? [] : [[holder.agentId, holder.agentName] as const])))
  return [...names].map(([value, label]) => ({ value, label })).toSorted((one, other) => one.label.localeCompare(other.label))
}

interface LockFiltersProps {
  readonly filter: LockFilter
  readonly holds: readonly Hold[]
  readonly projects: readonly Project[]
  readonly search: RefObject<HTMLInputElement | null>
}

/** The filters of the locks. Each stands in the address. */
export function LockFilters({ filter, holds, projects, search }: LockFiltersProps): ReactNode {
  const projectChoices = [
    ...projects.map(({ id, name }) => ({ value: id, label: name })),
    { value: NO_PROJECT, label: 'Without a project' },
  ]
  return (
    <div className="filter-bar" role="search" aria-label="Filter the locks">
      <input
        ref={search}
        type="search"
        aria-label="Search in the locks"
        placeholder="Issue, agent or run"
        title="Key: /"
        value={filter.q}
        onChange={({ target }) => setQuery({ q: target.value })}
      />
      <Chooser name="alive" label="Alive" none="Alive or dead" value={filter.alive} choices={aliveChoices} />
      <Chooser name="agent" label="Agent" none="Every agent" value={filter.agent} choices={holdersOf(holds)} />
      <Chooser name="project" label="Project" none="Every project" value={filter.project} choices={projectChoices} />
      <Chooser name="age" label="Age" none="Of every age" value={filter.age} choices={ages} />
      {isFiltered(filter) && (
        <button type="button" className="quiet" onClick={() => setQuery(noFilter)}>
          Remove the filters
        </button>
      )}
    </div>
  )
}
