import type { ReactNode } from 'react'
import { AdapterForm } from '../../agentParts/AdapterForm.tsx'
import { adapterChoices } from '../../agentParts/adapterFields.ts'
import { EnvironmentCheck } from '../../agentParts/EnvironmentCheck.tsx'
import { ManagerField, roleChoices } from '../../agentParts/identity.tsx'
import type { AgentDetail } from '../../agentParts/reads.ts'
import { CheckField, SelectField, TextField } from '../../parts/fields.tsx'
import { NumberField } from '../../parts/NumberField.tsx'
import { adapterConfigOf, withType } from './configuration.ts'
import type { Draft, Editable } from './configuration.ts'

interface ConfigurationFormProps {
  readonly agent: AgentDetail
  readonly base: Editable
  readonly draft: Draft
  readonly onChange: (draft: Draft) => void
}

const DAYS_30 = 2_592_000

/** The form of a configuration: identity, what runs the agent, what wakes it, its budget. */
export function ConfigurationForm({ agent, base, draft, onChange }: ConfigurationFormProps): ReactNode {
  const set = (change: Partial<Draft>): void => onChange({ ...draft, ...change })
  return (
    <div className="configuration-form">
      <div className="stack">
        <fieldset className="card">
          <legend>Identity</legend>
          <div className="pair-of-fields">
            <TextField label="Name" value={draft.name} onChange={(name) => set({ name })} maxLength={200} isRequired />
            <TextField label="Title" value={draft.title} onChange={(title) => set({ title })} maxLength={200} />
            <SelectField label="Role" value={draft.role} onChange={(role) => set({ role })} choices={roleChoices} />
            <ManagerField value={draft.reportsTo} onChange={(reportsTo) => set({ reportsTo })} except={agent.id} />
          </div>
          <TextField
            label="Capabilities"
            value={draft.capabilities}
            onChange={(capabilities) => set({ capabilities })}
            rows={2}
            maxLength={10_000}
          />
          <TextField
            label="Budget of a month in US dollars"
            value={draft.budget}
            onChange={(budget) => set({ budget })}
            placeholder="no limit"
            hint="At the end of its budget the agent starts no run until the next month."
          />
        </fieldset>
        <WakesFields draft={draft} set={set} />
      </div>
      <fieldset className="card">
        <legend>What runs it</legend>
        <SelectField
          label="Adapter"
          value={draft.adapterType}
          onChange={(adapterType) => onChange(withType(draft, base, adapterType))}
          choices={adapterChoices}
        />
        <AdapterForm type={draft.adapterType} values={draft.values} onChange={(values) => set({ values })} />
        <EnvironmentCheck key={draft.adapterType} type={draft.adapterType} config={() => adapterConfigOf(draft, base)} />
      </fieldset>
    </div>
  )
}

interface WakesFieldsProps {
  readonly draft: Draft
  readonly set: (change: Partial<Draft>) => void
}

function WakesFields({ draft, set }: WakesFieldsProps): ReactNode {
  return (
    <fieldset className="card">
      <legend>What wakes it</legend>
      <div className="pair-of-fields">
        <NumberField
          label="Timer in seconds"
          value={draft.intervalSec}
          onChange={(intervalSec) => set({ intervalSec })}
          min={0}
          max={DAYS_30}
          hint="From 10 seconds to 30 days; without it there is no timer."
        />
        <NumberField
          label="Runs at once"
          value={draft.maxConcurrentRuns}
          onChange={(maxConcurrentRuns) => set({ maxConcurrentRuns })}
          min={1}
          max={10}
          step={1}
          hint="From 1 to 10; without it one."
        />
      </div>
      <CheckField label="The timer wakes it" value={draft.timerEnabled} onChange={(timerEnabled) => set({ timerEnabled })} />
      <CheckField
        label="Assignments, comments and people wake it"
        value={draft.wakeOnDemand}
        onChange={(wakeOnDemand) => set({ wakeOnDemand })}
      />
    </fieldset>
  )
}
