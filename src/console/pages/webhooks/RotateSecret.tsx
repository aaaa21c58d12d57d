import { useRef, useState } from 'react'
import type { ReactNode } from 'react'
import { ActDialog } from '../../parts/ActDialog.tsx'
import { SelectField } from '../../parts/fields.tsx'
import { notify } from '../../parts/notices.tsx'
import { useRotateWebhook } from './data.ts'
import { ShownSecret } from './ShownSecret.tsx'

const overlaps = [
  { value: '86400', label: 'For a day' },
  { value: '3600', label: 'For an hour' },
  { value: '604800', label: 'For a week' },
  { value: '0', label: 'Not at all: the old secret is known to others' },
]

interface RotateSecretProps {
  readonly webhookId: string
  readonly onClose: () => void
}

/** Replaces the signing secret, and shows the new one, once. */
export function RotateSecret({ webhookId, onClose }: RotateSecretProps): ReactNode {
  const [overlap, setOverlap] = useState('86400')
  const [secret, setSecret] = useState<string | null>(null)
  // The dialog closes itself after its act; the secret that is shown then must stay.
  const isMade = useRef(false)
  const rotate = useRotateWebhook(webhookId)
  if (secret !== null) return <ShownSecret secret={secret} onClose={onClose} />
  return (
    <ActDialog
      title="A new signing secret"
      confirm="Make a new secret"
      isDangerous={overlap === '0'}
      onClose={() => {
        if (!isMade.current) onClose()
      }}
      act={async () => {
        const made = await rotate(Number(overlap))
        isMade.current = true
        notify('The webhook has another secret')
        setSecret(made.secret)
      }}
    >
      <p>Messages are signed with the new secret at once. While the old one signs beside it, the receiver can take either.</p>
      <SelectField label="The old secret signs as well" value={overlap} onChange={setOverlap} choices={overlaps} isFirst />
    </ActDialog>
  )
}
