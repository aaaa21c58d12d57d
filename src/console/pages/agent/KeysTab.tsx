import { useState } from 'react'
import type { ReactNode } from 'react'
import { isQuarantined } from '../../agentParts/agentState.ts'
import type { AgentDetail } from '../../agentParts/reads.ts'
import { inBackground } from '../../api/background.ts'
import { ActDialog } from '../../parts/ActDialog.tsx'
import { DataTable } from '../../parts/DataTable.tsx'
import type { Column } from '../../parts/DataTable.tsx'
import { Empty, Skeleton } from '../../parts/Empty.tsx'
import { notify } from '../../parts/notices.tsx'
import { Problem } from '../../parts/Problem.tsx'
import { Status } from '../../parts/Status.tsx'
import { Time, useNow } from '../../parts/Time.tsx'
import { useKeysOf, useRevokeKey } from './data.ts'
import type { AgentKey } from './data.ts'
import { MakeKeyDialog } from './MakeKeyDialog.tsx'

function KeyState({ item }: { readonly item: AgentKey }): ReactNode {
  const now = useNow()
  if (item.revokedAt !== null)
    return (
      <>
        <Status of="revoked" tone="quiet" /> <Time at={item.revokedAt} />
      </>
    )
  if (item.expiresAt !== null && Date.parse(item.expiresAt) <= now) return <Status of="expired" tone="quiet" />
  return <Status of="active" words="works" />
}

const columnsOf = (onRevoke: (item: AgentKey) => void): readonly Column<AgentKey>[] => [
  { key: 'name', width: '22%', title: 'Name', cell: ({ name }) => name },
  { key: 'state', width: '24%', title: 'State', cell: (item) => <KeyState item={item} /> },
  {
    key: 'scopes',
    width: '20%',
    title: 'May do',
    isSecondary: true,
    cell: ({ scopes }) => (scopes === null ? 'everything the agent may' : `only ${scopes.join(', ')}`),
  },
  { key: 'used', title: 'Last used', cell: ({ lastUsedAt }) => <Time at={lastUsedAt} /> },
  { key: 'made', title: 'Made', isSecondary: true, cell: ({ createdAt }) => <Time at={createdAt} /> },
  {
    key: 'expires',
    title: 'Expires',
    isSecondary: true,
    cell: ({ expiresAt }) => (expiresAt === null ? <span className="soft">no end</span> : <Time at={expiresAt} />),
  },
  {
    key: 'act',
    width: '96px',
    title: 'Act',
    cell: (item) =>
      item.revokedAt === null && (
        <button type="button" className="quiet danger" aria-label={`Revoke ${item.name}`} onClick={() => onRevoke(item)}>
          Revoke
        </button>
      ),
  },
]

/** The keys of an agent: made once, shown once, revoked at any time. */
export function KeysTab({ agent }: { readonly agent: AgentDetail }): ReactNode {
  const read = useKeysOf(agent)
  const keys = read.data?.data
  const [isMaking, setMaking] = useState(false)
  const [revoked, setRevoked] = useState<AgentKey | null>(null)
  const mayMake = agent.status !== 'terminated' && agent.status !== 'pending_approval' && !isQuarantined(agent)
  return (
    <section>
      <header className="agent-section-head">
        <h2>Keys</h2>
        <button type="button" disabled={!mayMake} onClick={() => setMaking(true)}>
          Make a key
        </button>
      </header>
      <p className="soft">
        An agent that runs elsewhere proves itself by a key. {mayMake ? '' : 'In its present state the agent gets no key.'}
      </p>
      {read.error !== null && <Problem problem={read.error} retry={() => inBackground(read.refetch())} />}
      {keys === undefined && read.error === null && <Skeleton lines={3} />}
      {keys?.length === 0 && <Empty title="It has no key." />}
      {keys !== undefined && keys.length > 0 && (
        <DataTable name="Keys" rows={keys} columns={columnsOf(setRevoked)} keyOf={({ id }) => id} />
      )}
      {isMaking && <MakeKeyDialog agent={agent} onClose={() => setMaking(false)} />}
      {revoked !== null && <RevokeDialog agent={agent} item={revoked} onClose={() => setRevoked(null)} />}
    </section>
  )
}

interface RevokeDialogProps {
  readonly agent: AgentDetail
  readonly item: AgentKey
  readonly onClose: () => void
}

function RevokeDialog({ agent, item, onClose }: RevokeDialogProps): ReactNode {
  const revoke = useRevokeKey(agent)
  return (
    <ActDialog
      title={`Revoke the key “${item.name}”`}
      confirm="Revoke the key"
      isDangerous
      onClose={onClose}
      act={async () => {
        await revoke.mutateAsync(item.id)
        notify(`The key “${item.name}” is revoked`)
      }}
    >
      <p>
        From the next request on the key is refused, for good. It was used <Time at={item.lastUsedAt} />. Runs that were opened with it go
        on with their own tokens.
      </p>
    </ActDialog>
  )
}
