import type { ReactNode } from 'react'
import type { Secret } from '../../api/types.ts'
import { ActDialog } from '../../parts/ActDialog.tsx'
import { counted } from '../../parts/counted.ts'
import { notify } from '../../parts/notices.tsx'
import { LOCAL } from './ContentField.tsx'
import { useDeleteSecret, useUsage } from './data.ts'
import { Users } from './Users.tsx'
import { usersOf } from './words.ts'

interface DeleteSecretProps {
  readonly secret: Secret
  readonly onClose: () => void
}

/** Deletes a secret that nothing uses. For one that is used the dialog says by what. */
export function DeleteSecret({ secret, onClose }: DeleteSecretProps): ReactNode {
  const remove = useDeleteSecret(secret.id)
  const read = useUsage(secret.id)
  const users = usersOf(read.data?.data.uses ?? [])
  return (
    <ActDialog
      title={`Delete ${secret.name}`}
      confirm={`Delete ${secret.name}`}
      isDangerous
      isBlocked={users.length > 0}
      onClose={onClose}
      act={async () => {
        await remove.mutateAsync()
        notify(`The secret ${secret.name} is deleted`)
      }}
    >
      {users.length > 0 ? (
        <>
          <p className="note">It is used, and cannot be deleted. Take it out of these configurations first:</p>
          <Users users={users} />
        </>
      ) : (
        <ul>
          <li>
            {secret.provider === LOCAL
              ? `Its value is deleted for good, in ${counted(secret.latestVersion, 'version')}.`
              : 'The server forgets where the value is. The value itself stays at its provider.'}
          </li>
          <li>What runs wrote earlier stays covered where it had the value.</li>
          <li>The audit log keeps who read it and when.</li>
        </ul>
      )}
    </ActDialog>
  )
}
