import { useState } from 'react'
import type { ReactNode } from 'react'
import type { Member } from '../../api/types.ts'
import { ActDialog } from '../../parts/ActDialog.tsx'
import { CheckField, SelectField } from '../../parts/fields.tsx'
import { notify } from '../../parts/notices.tsx'
import { useChangeGrants, useChangeMember } from './data.ts'
import { grants, grantsForAgents, roles, roleWords } from './roles.ts'

interface MemberDialogProps {
  readonly member: Member
  readonly name: string
  readonly onClose: () => void
}

/** Changes the role of a person. */
export function RoleDialog({ member, name, onClose }: MemberDialogProps): ReactNode {
  const [role, setRole] = useState(member.membershipRole ?? 'viewer')
  const change = useChangeMember()
  return (
    <ActDialog
      title={`Role of ${name}`}
      confirm={`Make ${name} ${role === 'owner' || role === 'admin' || role === 'operator' ? 'an' : 'a'} ${role}`}
      isBlocked={role === member.membershipRole}
      onClose={onClose}
      act={async () => {
        await change.mutateAsync({ memberId: member.id, role })
        notify(`${name} is ${role} now`)
      }}
    >
      <p>
        {name} is {member.membershipRole ?? 'without a role'} now. The change counts with the next act of {name}, in every browser.
      </p>
      <SelectField label="New role" value={role} onChange={setRole} choices={roles.map((value) => ({ value, label: value }))} />
      <ul>
        {roles.map((each) => (
          <li key={each}>
            <strong>{each}</strong>: {roleWords[each]}
          </li>
        ))}
      </ul>
    </ActDialog>
  )
}

/** Suspends a member, or lets it in again. */
export function StatusDialog({ member, name, onClose }: MemberDialogProps): ReactNode {
  const change = useChangeMember()
  const isSuspended = member.status === 'suspended'
  const words = isSuspended ? `Reinstate ${name}` : `Suspend ${name}`
  return (
    <ActDialog
      title={words}
      confirm={words}
      isDangerous={!isSuspended}
      onClose={onClose}
      act={async () => {
        await change.mutateAsync({ memberId: member.id, status: isSuspended ? 'active' : 'suspended' })
        notify(isSuspended ? `${name} is a member again` : `${name} is suspended`)
      }}
    >
      <p>
        {isSuspended
          ? `${name} sees the company again, with the role that it had.`
          : `${name} does not see the company any more, from its next act on. Keys of command lines that it let in end when no other company is left to it. Its account stays.`}
      </p>
    </ActDialog>
  )
}

/** Sets what a member may do beyond its role. */
export function GrantsDialog({ member, name, onClose }: MemberDialogProps): ReactNode {
  const held = new Map(member.grants.map(({ permissionKey, scope }) => [permissionKey, scope]))
  const [wanted, setWanted] = useState<ReadonlySet<string>>(new Set(held.keys()))
  const change = useChangeGrants()
  const isAgent = member.principalType === 'agent'
  const toggle = (key: string, isOn: boolean): void =>
    setWanted((before) => new Set(isOn ? [...before, key] : [...before].filter((each) => each !== key)))
  return (
    <ActDialog
      title={`Grants of ${name}`}
      confirm="Save the grants"
      onClose={onClose}
      act={async () => {
        const given = [...wanted].map((permissionKey) => ({ permissionKey, scope: held.get(permissionKey) ?? null }))
        await change.mutateAsync({ memberId: member.id, grants: given })
        notify(`The grants of ${name} are saved`)
      }}
    >
      <p>These are rights beyond the role. {isAgent && 'Other rights of an agent are set on its own page.'}</p>
      {grants
        .filter(({ key }) => !isAgent || grantsForAgents.includes(key) || held.has(key))
        .map(({ key, words }) => (
          <CheckField key={key} label={`${words} (${key})`} value={wanted.has(key)} onChange={(isOn) => toggle(key, isOn)} />
        ))}
    </ActDialog>
  )
}
