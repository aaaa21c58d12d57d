import { useState } from 'react'
import type { ReactNode } from 'react'
import type { Member } from '../../api/types.ts'
import { useCompanyPath } from '../../frame/company.tsx'
import { DataTable } from '../../parts/DataTable.tsx'
import type { Column } from '../../parts/DataTable.tsx'
import { Empty, Skeleton } from '../../parts/Empty.tsx'
import { Problem } from '../../parts/Problem.tsx'
import { Status } from '../../parts/Status.tsx'
import { Time } from '../../parts/Time.tsx'
import { Link } from '../../router/Link.tsx'
import { useAgentNames, useMembers, usePeopleSignIn } from './data.ts'
import { LocalNote } from './LocalNote.tsx'
import { GrantsDialog, RoleDialog, StatusDialog } from './MemberDialogs.tsx'

type Act = { readonly kind: 'role' | 'grants' | 'status'; readonly member: Member; readonly name: string }

/** The members of the company, with their roles and grants. */
export function MembersTab(): ReactNode {
  const signIn = usePeopleSignIn()
  const { rows, isLoading, problem, loadMore } = useMembers()
  const agentName = useAgentNames()
  const [act, setAct] = useState<Act | null>(null)
  const nameOf = (member: Member): string => nameOfMember(member, agentName)
  const close = (): void => setAct(null)
  const columns = useColumns(nameOf, (kind, member) => setAct({ kind, member, name: nameOf(member) }))
  return (
    <section aria-labelledby="members">
      <h2 id="members">Members</h2>
      {signIn === false && (
        <LocalNote>
          People are no members here: the board is the account of this machine, and it may do everything. The agents of the company stand
          below, with what they are granted beyond their role.
        </LocalNote>
      )}
      {problem !== null && <Problem problem={problem} />}
      {isLoading ? (
        <Skeleton />
      ) : rows.length === 0 && problem === null ? (
        <Empty title="The company has no members yet.">
          <p>An invitation makes the first one.</p>
        </Empty>
      ) : (
        problem === null && <DataTable name="Members" rows={rows} columns={columns} keyOf={({ id }) => id} onEnd={loadMore} />
      )}
      {act?.kind === 'role' && <RoleDialog member={act.member} name={act.name} onClose={close} />}
      {act?.kind === 'grants' && <GrantsDialog member={act.member} name={act.name} onClose={close} />}
      {act?.kind === 'status' && <StatusDialog member={act.member} name={act.name} onClose={close} />}
    </section>
  )
}

function nameOfMember({ user, principalType, principalId }: Member, agentName: (id: string) => string): string {
  if (principalType === 'agent') return agentName(principalId)
  return user?.name ?? (principalId === 'local-board' ? 'The local board' : principalId)
}

function useColumns(nameOf: (member: Member) => string, onAct: (kind: Act['kind'], member: Member) => void): Column<Member>[] {
  const pathOf = useCompanyPath()
  return [
    {
      key: 'name',
      title: 'Name',
      cell: (member) =>
        member.principalType === 'agent' ? <Link to={pathOf(`agents/${member.principalId}`)}>{nameOf(member)}</Link> : nameOf(member),
    },
    { key: 'email', title: 'E-mail', cell: ({ user }) => user?.email ?? <span className="soft">none</span>, isSecondary: true },
    { key: 'kind', title: 'Kind', cell: ({ principalType }) => (principalType === 'agent' ? 'Agent' : 'Person'), isSecondary: true },
    { key: 'role', title: 'Role', cell: ({ membershipRole }) => membershipRole ?? <span className="soft">none</span> },
    {
      key: 'status',
      title: 'Status',
      cell: ({ status }) => <Status of={status} tone={status === 'active' ? 'good' : 'warn'} />,
    },
    {
      key: 'grants',
      title: 'Grants',
      cell: ({ grants }) =>
        grants.length === 0 ? <span className="soft">none</span> : grants.map((each) => each.permissionKey).join(', '),
      isSecondary: true,
    },
    { key: 'since', title: 'Member since', cell: ({ createdAt }) => <Time at={createdAt} />, isSecondary: true },
    {
      key: 'acts',
      title: 'Acts',
      cell: (member) => <Acts member={member} name={nameOf(member)} onAct={onAct} />,
    },
  ]
}

interface ActsProps {
  readonly member: Member
  readonly name: string
  readonly onAct: (kind: Act['kind'], member: Member) => void
}

function Acts({ member, name, onAct }: ActsProps): ReactNode {
  const button = (kind: Act['kind'], words: string): ReactNode => (
    <button type="button" className="quiet" onClick={() => onAct(kind, member)}>
      {words}
      <span className="hidden"> of {name}</span>
    </button>
  )
  if (member.principalType === 'agent') return button('grants', 'Grants')
  // The board of this machine has no account, and may do everything in any case.
  if (member.user === null) return <span className="soft">none</span>
  return (
    <>
      {button('role', 'Role')}
      {button('grants', 'Grants')}
      {button('status', member.status === 'suspended' ? 'Reinstate' : 'Suspend')}
    </>
  )
}
