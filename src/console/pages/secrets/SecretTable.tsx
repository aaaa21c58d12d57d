import type { ReactNode } from 'react'
import type { Secret } from '../../api/types.ts'
import { DataTable } from '../../parts/DataTable.tsx'
import type { Column } from '../../parts/DataTable.tsx'
import { Time } from '../../parts/Time.tsx'
import { useUsage } from './data.ts'
import { providerWords, usersOf, usersWords } from './words.ts'

/** An act of the page of secrets, which opens its dialog. */
export interface SecretAct {
  readonly kind: 'look' | 'rotate' | 'edit' | 'delete'
  readonly secret: Secret
}

interface SecretTableProps {
  readonly secrets: readonly Secret[]
  readonly cursor: number
  readonly onAct: (act: SecretAct) => void
  readonly onEnd: () => void
}

/** The secrets with where they are used. The users of the rows in sight are read, and no others. */
export const SecretTable = ({ secrets, cursor, onAct, onEnd }: SecretTableProps): ReactNode => (
  <DataTable name="Secrets" rows={secrets} columns={columnsOf(onAct)} keyOf={({ id }) => id} cursor={cursor} onEnd={onEnd} />
)

const Soft = ({ children }: { readonly children: ReactNode }): ReactNode => <span className="soft">{children}</span>

function UsedBy({ secret: { id } }: { readonly secret: Secret }): ReactNode {
  const usage = useUsage(id).data?.data
  if (usage === undefined) return <Soft>…</Soft>
  const users = usersOf(usage.uses)
  if (users.length === 0) return <Soft>nothing</Soft>
  return <span title={users.map(({ name }) => name).join(', ')}>{usersWords(users, usage.hasMoreUses)}</span>
}

function LastRead({ secret: { id } }: { readonly secret: Secret }): ReactNode {
  const usage = useUsage(id).data?.data
  return usage === undefined ? <Soft>…</Soft> : <Time at={usage.lastRead?.at ?? null} />
}

const columnsOf = (onAct: SecretTableProps['onAct']): readonly Column<Secret>[] => [
  {
    key: 'name',
    title: 'Name',
    width: '24%',
    cell: (secret) => (
      <button type="button" className="quiet secret-name" title={secret.name} onClick={() => onAct({ kind: 'look', secret })}>
        {secret.name}
      </button>
    ),
  },
  { key: 'provider', title: 'Kept in', width: '140px', isSecondary: true, cell: ({ provider }) => providerWords(provider) },
  { key: 'version', title: 'Version', width: '72px', isNumber: true, isSecondary: true, cell: ({ latestVersion }) => latestVersion },
  {
    key: 'description',
    title: 'Description',
    isSecondary: true,
    cell: ({ description }) => (description === null ? <Soft>none</Soft> : <span title={description}>{description}</span>),
  },
  { key: 'used', title: 'Used by', width: '140px', cell: (secret) => <UsedBy secret={secret} /> },
  { key: 'read', title: 'Last read', width: '110px', cell: (secret) => <LastRead secret={secret} /> },
  { key: 'acts', title: 'Acts', width: '218px', cell: (secret) => <Acts secret={secret} onAct={onAct} /> },
]

function Acts({ secret, onAct }: { readonly secret: Secret } & Pick<SecretTableProps, 'onAct'>): ReactNode {
  return (
    <span className="secret-acts">
      {(['rotate', 'edit', 'delete'] as const).map((kind) => (
        <button key={kind} type="button" className={kind === 'delete' ? 'quiet danger' : 'quiet'} onClick={() => onAct({ kind, secret })}>
          {actWords[kind]}
          <span className="hidden"> {secret.name}</span>
        </button>
      ))}
    </span>
  )
}

const actWords = { rotate: 'Rotate', edit: 'Edit', delete: 'Delete' } as const
