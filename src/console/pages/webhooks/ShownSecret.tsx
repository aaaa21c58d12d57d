import type { ReactNode } from 'react'
import { ShownOnce } from '../../parts/ShownOnce.tsx'

interface ShownSecretProps {
  readonly secret: string
  readonly onClose: () => void
}

/** The signing secret of a webhook, once. */
export function ShownSecret({ secret, onClose }: ShownSecretProps): ReactNode {
  return (
    <ShownOnce
      title="The signing secret"
      place="Copy it now, to the receiver."
      texts={[{ name: 'The secret', text: secret }]}
      onClose={onClose}
    >
      <p>
        Each message has the headers <code>webhook-id</code>, <code>webhook-timestamp</code> and <code>webhook-signature</code> of Standard
        Webhooks. The receiver checks the signature with this secret, and knows a repeated message by its id.
      </p>
    </ShownOnce>
  )
}
