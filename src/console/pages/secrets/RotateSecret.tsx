import { useState } from 'react'
import type { ReactNode } from 'react'
import type { Secret } from '../../api/types.ts'
import { ActDialog } from '../../parts/ActDialog.tsx'
import { counted } from '../../parts/counted.ts'
import { notify } from '../../parts/notices.tsx'
import { blankContent, ContentField, contentOf } from './ContentField.tsx'
import { useRotateSecret, useUsage } from './data.ts'
import { pinnedOf } from './words.ts'

interface RotateSecretProps {
  readonly secret: Secret
  readonly onClose: () => void
}

/** Gives a secret another value, as a new version. The value is in this dialog alone, and gone with it. */
export function RotateSecret({ secret, onClose }: RotateSecretProps): ReactNode {
  const [content, setContent] = useState(blankContent)
  const rotate = useRotateSecret(secret.id)
  const pinned = pinnedOf(useUsage(secret.id).data?.data.uses ?? [])
  return (
    <ActDialog
      title={`Rotate ${secret.name}`}
      confirm="Rotate the secret"
      onClose={onClose}
      act={async () => {
        const { name, latestVersion } = await rotate(contentOf(content, secret.provider))
        notify(`${name} has version ${latestVersion}`)
      }}
    >
      <ul>
        <li>Runs that start from now on get version {secret.latestVersion + 1}. Runs that work now keep the one that they were given.</li>
        {pinned.length > 0 && (
          <li>
            <strong>{counted(pinned.length, 'reference')} to a number</strong> stay with the old value:{' '}
            {pinned.map(({ name, path, version }) => `${name} (${path}, version ${version})`).join(', ')}.
          </li>
        )}
        <li>The old version stays, for references to its number. Take the old value out of force where it comes from.</li>
      </ul>
      <ContentField provider={secret.provider} content={content} onChange={setContent} isFirst />
    </ActDialog>
  )
}
