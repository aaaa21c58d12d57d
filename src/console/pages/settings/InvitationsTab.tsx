import { useState } from 'react'
import type { ReactNode } from 'react'
import { useNow } from '../../parts/Time.tsx'
import { ActDialog } from '../../parts/ActDialog.tsx'
import { DataTable } from '../../parts/DataTable.tsx'
import type { Column } from '../../parts/DataTable.tsx'
import { Empty, Skeleton } from '../../parts/Empty.tsx'
import { notify } from '../../parts/notices.tsx'
import { Problem } from '../../parts/Problem.tsx'
import { Status } from '../../parts/Status.tsx'
import type { Tone } from '../../parts/Status.tsx'
import { Time } from '../../parts/Time.tsx'
import { useInviteRows, usePeopleSignIn, useRevokeInvite } from './data.ts'
import { invitationsOf } from './invitations.ts'
import type { Invitation, InvitationState } from './invitations.ts'
import { InviteForm } from './InviteForm.tsx'
import { LocalNote } from './LocalNote.tsx'

const stateWords: Readonly<Record<InvitationState, { readonly words: string; readonly tone: Tone }>> = {
  open: { words: 'open', tone: 'good' },
  used: { words: 'used', tone: 'quiet' },
  revoked: { words: 'revoked', tone: 'quiet' },
  over: { words: 'over', tone: 'quiet' },
}

const kinds: Readonly<Record<string, string>> = { human: 'A person', agent: 'An agent', both: 'A person or an agent' }

/** Invitations: makes one, whose link is shown once, and lists those that were made. */
export function InvitationsTab(): ReactNode {
  const signIn = usePeopleSignIn()
  const { rows, isLoading, problem, loadMore } = useInviteRows()
  const [revoked, setRevoked] = useState<Invitation | null>(null)
  const minute = Math.floor(useNow() / 60_000) * 60_000
  const invitations = invitationsOf(rows, minute)
  return (
    <div className="settings-columns">
      <section aria-labelledby="invitations">
        <h2 id="invitations">Invitations</h2>
        {problem !== null && <Problem problem={problem} />}
        {isLoading ? (
          <Skeleton />
        ) : invitations.length === 0 ? (
          <Empty title="No invitation was made yet.">
            <p>Make one: its link is shown once, to be sent to the one that you invite.</p>
          </Empty>
        ) : (
          <DataTable name="Invitations" rows={invitations} columns={columnsOf(setRevoked)} keyOf={({ id }) => id} onEnd={loadMore} />
        )}
      </section>
      <section aria-labelledby="invite">
        <h2 id="invite">Invite</h2>
        {signIn === false && <LocalNote>Only agents can join a server on which people do not sign in.</LocalNote>}
        {signIn !== null && <InviteForm takesPeople={signIn} />}
      </section>
      {revoked !== null && <RevokeDialog invitation={revoked} onClose={() => setRevoked(null)} />}
    </div>
  )
}

const columnsOf = (onRevoke: (invitation: Invitation) => void): Column<Invitation>[] => [
  { key: 'state', title: 'State', cell: ({ state }) => <Status of={state} {...stateWords[state]} /> },
  { key: 'kind', title: 'For', cell: ({ joinTypes }) => kinds[joinTypes] ?? joinTypes },
  { key: 'role', title: 'Role', cell: ({ role, joinTypes }) => (joinTypes === 'agent' ? <span className="soft">none</span> : role) },
  { key: 'made', title: 'Made', cell: ({ createdAt }) => <Time at={createdAt} />, isSecondary: true },
  { key: 'until', title: 'Until', cell: ({ expiresAt }) => <Time at={expiresAt} />, isSecondary: true },
  {
    key: 'acts',
    title: 'Acts',
    cell: (invitation) =>
      invitation.state === 'open' && (
        <button type="button" className="quiet danger" onClick={() => onRevoke(invitation)}>
          Revoke<span className="hidden"> the invitation for {kinds[invitation.joinTypes] ?? ''}</span>
        </button>
      ),
  },
]

function RevokeDialog({ invitation, onClose }: { readonly invitation: Invitation; readonly onClose: () => void }): ReactNode {
  const revoke = useRevokeInvite()
  return (
    <ActDialog
      title="Revoke the invitation"
      confirm="Revoke the invitation"
      isDangerous
      onClose={onClose}
      act={async () => {
        await revoke.mutateAsync(invitation.id)
        notify('The invitation is revoked')
      }}
    >
      <p>Its link leads nowhere from now on. A request to join that it has led to is not touched.</p>
    </ActDialog>
  )
}
