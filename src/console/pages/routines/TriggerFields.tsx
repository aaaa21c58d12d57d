import { useId } from 'react'
import type { ReactNode } from 'react'
import { CheckField, SelectField, TextField } from '../../parts/fields.tsx'
import { NumberField } from '../../parts/NumberField.tsx'
import { Problem } from '../../parts/Problem.tsx'
import { useDebounced } from '../../parts/useDebounced.ts'
import { usePreview } from './data.ts'
import { Times } from './Times.tsx'
import { frequent } from './triggerForm.ts'
import type { TriggerForm, TriggerKind } from './triggerForm.ts'
import { signingWords } from './words.ts'

interface TriggerFieldsProps {
  readonly form: TriggerForm
  /** The kind of a trigger stays as it is. */
  readonly isNew: boolean
  readonly onChange: (changes: Partial<TriggerForm>) => void
}

const kinds = [
  { value: 'schedule', label: 'A schedule' },
  { value: 'webhook', label: 'A webhook: a call from elsewhere with a secret' },
  { value: 'api', label: 'The API: a program with a key of this server' },
]

const signings = Object.entries(signingWords).map(([value, label]) => ({ value, label }))

/** The fields of a trigger. */
export function TriggerFields({ form, isNew, onChange }: TriggerFieldsProps): ReactNode {
  return (
    <>
      {isNew && (
        <SelectField
          label="It runs by"
          value={form.kind}
          onChange={(kind) => onChange({ kind: kind as TriggerKind })}
          choices={kinds}
          isFirst
        />
      )}
      {form.kind === 'schedule' && <ScheduleFields form={form} onChange={onChange} />}
      {form.kind === 'webhook' && (
        <>
          <SelectField
            label="A call is proved by"
            value={form.signingMode}
            onChange={(mode) => onChange({ signingMode: mode as TriggerForm['signingMode'] })}
            choices={signings}
          />
          {form.signingMode === 'hmac_sha256' && (
            <NumberField
              label="Seconds for which a signature holds"
              value={form.replayWindow}
              onChange={(replayWindow) => onChange({ replayWindow })}
              min={30}
              max={86_400}
              step={1}
            />
          )}
        </>
      )}
      <TextField
        label="Name"
        value={form.label}
        onChange={(label) => onChange({ label })}
        hint="So that you know it again among the others."
        maxLength={200}
      />
      <CheckField label="It is on" value={form.enabled} onChange={(enabled) => onChange({ enabled })} />
    </>
  )
}

/** The names of zones that the browser knows, to be chosen from. Another one can be typed. */
const zones: readonly string[] = [...new Set(['UTC', ...Intl.supportedValuesOf('timeZone')])]

function ScheduleFields({ form, onChange }: Omit<TriggerFieldsProps, 'isNew'>): ReactNode {
  const id = useId()
  const { cronExpression, timezone } = form
  return (
    <>
      <SelectField
        label="Often wanted"
        value={frequent.some(({ value }) => value === cronExpression) ? cronExpression : ''}
        onChange={(value) => value !== '' && onChange({ cronExpression: value })}
        none="another one"
        choices={frequent}
      />
      <TextField
        label="Cron expression"
        value={cronExpression}
        onChange={(typed) => onChange({ cronExpression: typed })}
        hint="Five fields: minute, hour, day of the month, month, day of the week."
        isRequired
        maxLength={300}
      />
      <div className="field">
        <label htmlFor={id}>Time zone</label>
        <input
          id={id}
          type="text"
          list={`${id}-zones`}
          value={timezone}
          required
          maxLength={64}
          onChange={({ target }) => onChange({ timezone: target.value })}
        />
        <datalist id={`${id}-zones`}>
          {zones.map((zone) => (
            <option key={zone} value={zone} />
          ))}
        </datalist>
      </div>
      <Preview cronExpression={cronExpression.trim()} timezone={timezone.trim()} />
    </>
  )
}

/** The next times of a schedule as it is typed, or why it is none. */
function Preview(schedule: Pick<TriggerForm, 'cronExpression' | 'timezone'>): ReactNode {
  const cronExpression = useDebounced(schedule.cronExpression)
  const timezone = useDebounced(schedule.timezone)
  const { data, error } = usePreview(cronExpression, timezone)
  return (
    <div className="schedule-preview" role="status" aria-label="Preview">
      {error !== null ? (
        <Problem problem={error} />
      ) : (
        data !== undefined && (
          <>
            <p>The next five times:</p>
            <Times times={data.data.nextRunTimes} zone={timezone} />
          </>
        )
      )}
    </div>
  )
}
