import { useState } from 'react'
import type { ReactNode } from 'react'
import { useListKeys } from '../../keys/useListKeys.ts'
import { Empty, Skeleton } from '../../parts/Empty.tsx'
import { Page } from '../../parts/Page.tsx'
import { Problem } from '../../parts/Problem.tsx'
import { useSecrets } from './data.ts'
import { DeleteSecret } from './DeleteSecret.tsx'
import { EditSecret } from './EditSecret.tsx'
import { NewSecret } from './NewSecret.tsx'
import { RotateSecret } from './RotateSecret.tsx'
import { SecretDrawer } from './SecretDrawer.tsx'
import { SecretTable } from './SecretTable.tsx'
import type { SecretAct } from './SecretTable.tsx'

/** The secrets of the company: values that runs are given, and that no page shows. */
export default function SecretsPage(): ReactNode {
  const { rows, isLoading, problem, loadMore, retry } = useSecrets()
  const [act, setAct] = useState<SecretAct | 'new' | null>(null)
  const onRow = (kind: SecretAct['kind'], at: number): void => {
    const secret = rows[at]
    if (secret !== undefined) setAct({ kind, secret })
  }
  const { at } = useListKeys({
    title: 'Secrets',
    count: rows.length,
    rowKeys: rows.map(({ id }) => id),
    onOpen: (index) => onRow('look', index),
    more: [
      { keys: 'n', label: 'New secret', run: () => setAct('new') },
      { keys: 'r', label: 'Rotate the secret of the row', run: () => onRow('rotate', at) },
      { keys: 'e', label: 'Edit the secret of the row', run: () => onRow('edit', at) },
    ],
  })
  return (
    <Page
      title="Secrets"
      actions={
        <button type="button" title="New secret (n)" onClick={() => setAct('new')}>
          New secret
        </button>
      }
    >
      {problem !== null && <Problem problem={problem} retry={retry} />}
      {isLoading ? (
        <Skeleton lines={8} />
      ) : rows.length > 0 ? (
        <SecretTable secrets={rows} cursor={at} onAct={setAct} onEnd={loadMore} />
      ) : (
        problem === null && (
          <Empty title="There is no secret yet.">
            <p>
              A secret is a value that runs need and no page shows, such as the key of a service. The configuration of an agent or of a
              project refers to it, and each run is given it when it starts.
            </p>
          </Empty>
        )
      )}
      {act !== null && <Opened act={act} onClose={() => setAct(null)} />}
    </Page>
  )
}

function Opened({ act, onClose }: { readonly act: SecretAct | 'new'; readonly onClose: () => void }): ReactNode {
  if (act === 'new') return <NewSecret onClose={onClose} />
  const shared = { secret: act.secret, onClose }
  switch (act.kind) {
    case 'look':
      return <SecretDrawer {...shared} />
    case 'rotate':
      return <RotateSecret {...shared} />
    case 'edit':
      return <EditSecret {...shared} />
    case 'delete':
      return <DeleteSecret {...shared} />
  }
}
