import { useId, useState } from 'react'
import type { ReactNode } from 'react'
import { inBackground } from '../../api/background.ts'
import { request, segment } from '../../api/client.ts'
import { useRead } from '../../api/reads.ts'
import type { Agent, Issue } from '../../api/types.ts'
import { useCompany } from '../../frame/company.tsx'
import { Segments } from '../../parts/Segments.tsx'
import { setQuery, usePlace } from '../../router/location.ts'
import { actionGroups, dayOf, endOf, filterNames, lastDayBefore, presets, startOf } from './filters.ts'
import { wordsFor } from './sentences.ts'
import type { NameOf } from './sentences.ts'
import { everyAgent } from './names.ts'

const cleared = Object.fromEntries(filterNames.map((name) => [name, null]))

/** The filters of the log: presets, who, what, which and when. All of them are in the address. */
export function ActivityFilters({ nameOf, isSet }: { readonly nameOf: NameOf; readonly isSet: boolean }): ReactNode {
  const { query } = usePlace()
  return (
    <div className="log-filters">
      <Segments
        label="Presets"
        value={query.get('preset') ?? ''}
        choices={presets}
        onChange={(value) => setQuery({ preset: value, action: null })}
      />
      <WhoField />
      <WhatField />
      <WhichField key={query.get('entityId')} nameOf={nameOf} />
      <DayField label="From" value={dayOf(query.get('since'))} onChange={(day) => setQuery({ since: startOf(day) })} />
      <DayField label="To" value={lastDayBefore(query.get('until'))} onChange={(day) => setQuery({ until: endOf(day) })} />
      {query.get('runId') !== null && (
        <button type="button" className="secondary" onClick={() => setQuery({ runId: null })}>
          Run {query.get('runId')?.slice(0, 8)} <span aria-hidden="true">✕</span>
          <span className="hidden">: remove this filter</span>
        </button>
      )}
      {isSet && (
        <button type="button" className="quiet" onClick={() => setQuery(cleared)}>
          Clear
        </button>
      )}
    </div>
  )
}

function WhoField(): ReactNode {
  const { id } = useCompany()
  const { query } = usePlace()
  const agents = useRead<Agent[]>(['agents', id, 'names'], `/companies/${id}/agents`, { query: everyAgent }).data?.data ?? []
  const label = useId()
  const who = query.get('agentId') ?? ''
  const isKnown = who === '' || agents.some((agent) => agent.id === who)
  return (
    <label className="filter" htmlFor={label}>
      <span>Who</span>
      <select id={label} value={who} onChange={({ target }) => setQuery({ agentId: target.value })}>
        <option value="">All</option>
        {!isKnown && <option value={who}>{who}</option>}
        {agents.map((agent) => (
          <option key={agent.id} value={agent.id}>
            {agent.name}
          </option>
        ))}
      </select>
    </label>
  )
}

const knownActions = new Set(actionGroups.flatMap(([, actions]) => actions))

function WhatField(): ReactNode {
  const { query } = usePlace()
  const label = useId()
  const action = query.get('action') ?? ''
  return (
    <label className="filter" htmlFor={label}>
      <span>What</span>
      <select id={label} value={action} onChange={({ target }) => setQuery({ action: target.value, preset: keptPreset(query) })}>
        <option value="">All</option>
        {action.includes(',') && <option value={action}>{action.split(',').length} actions</option>}
        {action !== '' && !action.includes(',') && !knownActions.has(action) && <option value={action}>{action}</option>}
        {actionGroups.map(([group, actions]) => (
          <optgroup key={group} label={group}>
            {actions.map((name) => (
              <option key={name} value={name}>
                {name}
              </option>
            ))}
          </optgroup>
        ))}
      </select>
    </label>
  )
}

/** Only the preset of interventions is not itself a choice of actions. */
const keptPreset = (query: URLSearchParams): string | null => (query.get('preset') === 'interventions' ? 'interventions' : null)

function WhichField({ nameOf }: { readonly nameOf: NameOf }): ReactNode {
  const { query } = usePlace()
  const given = query.get('entityId')
  const [typed, setTyped] = useState<string | null>(null)
  const [isMissing, setMissing] = useState(false)
  const label = useId()
  const shown =
    typed ?? (given === null ? '' : query.get('entityType') === 'issue' ? wordsFor({ kind: 'issue', id: given }, nameOf) : given)
  const find = async (text: string): Promise<void> => {
    if (text === '') return setQuery({ entityId: null, entityType: null })
    const issue = await request<Issue>('GET', `/issues/${segment(text)}`).catch(() => null)
    if (issue !== null) setQuery({ entityId: issue.data.id, entityType: 'issue' })
    else if (/^[0-9a-f-]{36}$/i.test(text)) setQuery({ entityId: text.toLowerCase(), entityType: null })
    else setMissing(true)
  }
  return (
    <form
      className="filter"
      onSubmit={(event) => {
        event.preventDefault()
        if (typed !== null) inBackground(find(typed.trim()))
      }}
    >
      <label htmlFor={label}>Which</label>
      <input
        id={label}
        type="search"
        value={shown}
        placeholder="ACM-12 or an id"
        aria-invalid={isMissing}
        aria-describedby={isMissing ? `${label}-missing` : undefined}
        onChange={({ target }) => {
          setTyped(target.value)
          setMissing(false)
          if (target.value === '' && given !== null) setQuery({ entityId: null, entityType: null })
        }}
      />
      {isMissing && (
        <span id={`${label}-missing`} role="alert" className="missing">
          There is no such issue.
        </span>
      )}
    </form>
  )
}

interface DayFieldProps {
  readonly label: string
  readonly value: string
  readonly onChange: (day: string) => void
}

const DayField = ({ label, value, onChange }: DayFieldProps): ReactNode => (
  <label className="filter">
    <span>{label}</span>
    <input type="date" value={value} onChange={({ target }) => onChange(target.value)} />
  </label>
)
