import { useState } from 'react'
import type { ReactNode } from 'react'
import { useAct } from '../../api/acts.ts'
import { inBackground } from '../../api/background.ts'
import { request } from '../../api/client.ts'
import { useRead } from '../../api/reads.ts'
import type { GeneralSettings as Settings } from '../../api/types.ts'
import { Skeleton } from '../../parts/Empty.tsx'
import { CheckField, SelectField } from '../../parts/fields.tsx'
import { notify } from '../../parts/notices.tsx'
import { Problem } from '../../parts/Problem.tsx'

const path = '/instance/settings/general'

const sharing = [
  { value: 'prompt', label: 'Ask each time' },
  { value: 'allowed', label: 'Allowed' },
  { value: 'not_allowed', label: 'Not allowed' },
] as const

/** The general settings of the instance, which an administrator changes. */
export function GeneralSettings(): ReactNode {
  const read = useRead<Settings>(['settings', null], path)
  const [changes, setChanges] = useState<Partial<Settings>>({})
  const save = useAct(['settings'], (body: Partial<Settings>) => request<Settings>('PATCH', path, { body }))
  if (read.data === undefined)
    return read.error === null ? <Skeleton lines={3} /> : <Problem problem={read.error} retry={() => inBackground(read.refetch())} />
  const values = { ...read.data.data, ...changes }
  const set = (next: Partial<Settings>): void => setChanges((before) => ({ ...before, ...next }))
  return (
    <form
      className="card"
      onSubmit={(event) => {
        event.preventDefault()
        save.mutate(changes, {
          onSuccess: () => {
            setChanges({})
            notify('The settings are saved')
          },
        })
      }}
    >
      <CheckField
        label="Replace the name of the account of the server in logs of runs"
        value={values.censorUsernameInLogs}
        onChange={(censorUsernameInLogs) => set({ censorUsernameInLogs })}
      />
      <CheckField
        label="Keyboard shortcuts in clients of Paperclip"
        value={values.keyboardShortcuts}
        onChange={(keyboardShortcuts) => set({ keyboardShortcuts })}
      />
      <SelectField
        label="Sharing of feedback"
        value={values.feedbackDataSharingPreference}
        onChange={(value) => set({ feedbackDataSharingPreference: value as Settings['feedbackDataSharingPreference'] })}
        choices={sharing}
      />
      {save.error !== null && <Problem problem={save.error} />}
      <button type="submit" disabled={Object.keys(changes).length === 0 || save.isPending}>
        Save
      </button>
    </form>
  )
}
