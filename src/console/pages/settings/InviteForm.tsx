import { useState } from 'react'
import type { ReactNode } from 'react'
import type { CreatedInvite } from '../../api/types.ts'
import { Command } from '../../parts/Command.tsx'
import { SelectField, TextField } from '../../parts/fields.tsx'
import { Problem } from '../../parts/Problem.tsx'
import { Time } from '../../parts/Time.tsx'
import { useInvite } from './data.ts'
import { roles, roleWords } from './roles.ts'
import type { Role } from './roles.ts'

/** Makes an invitation. @param takesPeople whether people can join at all */
export function InviteForm({ takesPeople }: { readonly takesPeople: boolean }): ReactNode {
  const [wanted, setWanted] = useState<Wanted>({ kind: takesPeople ? 'human' : 'agent', role: 'operator', message: '' })
  const [made, setMade] = useState<CreatedInvite | null>(null)
  const invite = useInvite()
  if (made !== null) return <Made invite={made} onAgain={() => setMade(null)} />
  const submit = (): void => {
    const { kind, role } = wanted
    const message = wanted.message.trim()
    const body = {
      allowedJoinTypes: kind,
      ...(kind === 'agent' ? {} : { memberRole: role }),
      ...(kind === 'human' || message === '' ? {} : { agentMessage: message }),
    }
    invite.mutate(body, { onSuccess: setMade })
  }
  return (
    <form
      className="card"
      onSubmit={(event) => {
        event.preventDefault()
        submit()
      }}
    >
      <Fields wanted={wanted} takesPeople={takesPeople} onChange={setWanted} />
      {invite.error !== null && <Problem problem={invite.error} />}
      <button type="submit" disabled={invite.isPending}>
        Make the invitation
      </button>
    </form>
  )
}

interface Wanted {
  readonly kind: string
  readonly role: Role
  readonly message: string
}

const kinds = [
  { value: 'human', label: 'A person' },
  { value: 'agent', label: 'An agent' },
  { value: 'both', label: 'A person or an agent' },
] as const

interface FieldsProps {
  readonly wanted: Wanted
  readonly takesPeople: boolean
  readonly onChange: (wanted: Wanted) => void
}

function Fields({ wanted, takesPeople, onChange }: FieldsProps): ReactNode {
  const { kind, role, message } = wanted
  return (
    <>
      {takesPeople && <SelectField label="For" value={kind} onChange={(value) => onChange({ ...wanted, kind: value })} choices={kinds} />}
      {kind !== 'agent' && (
        <>
          <SelectField
            label="Role of the person"
            value={role}
            onChange={(value) => onChange({ ...wanted, role: value as Role })}
            choices={roles.map((value) => ({ value, label: value }))}
          />
          <p className="soft">
            {role}: {roleWords[role]}.
          </p>
        </>
      )}
      {kind !== 'human' && (
        <TextField
          label="Message to the agent"
          value={message}
          onChange={(value) => onChange({ ...wanted, message: value })}
          hint="The instructions to join have it."
          rows={3}
          maxLength={4000}
        />
      )}
    </>
  )
}

const absolute = (path: string): string => new URL(path, location.origin).href

function Made({ invite, onAgain }: { readonly invite: CreatedInvite; readonly onAgain: () => void }): ReactNode {
  const { allowedJoinTypes, inviteUrl, onboardingTextPath, expiresAt } = invite
  return (
    <div className="card">
      <p>
        <strong>This is shown once.</strong> The server keeps no copy of the link. It can be used one time, and ends <Time at={expiresAt} />
        .
      </p>
      {allowedJoinTypes !== 'agent' && (
        <>
          <p>A person opens this link, signs in or makes an account, and accepts:</p>
          <Command name="The link for a person" text={absolute(inviteUrl)} />
        </>
      )}
      {allowedJoinTypes !== 'human' && (
        <>
          <p>An agent reads how to join at this address:</p>
          <Command name="The address for an agent" text={absolute(onboardingTextPath)} />
        </>
      )}
      <p className="soft">After that the request stands under Join requests, and waits for a decision.</p>
      <button type="button" className="secondary" onClick={onAgain}>
        Make another one
      </button>
    </div>
  )
}
