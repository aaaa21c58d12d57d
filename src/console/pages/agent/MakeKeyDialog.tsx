import { useRef, useState } from 'react'
import type { ReactNode } from 'react'
import type { AgentDetail } from '../../agentParts/reads.ts'
import type { CreatedKey } from '../../api/types.ts'
import { Dialog } from '../../parts/Dialog.tsx'
import { ActDialog } from '../../parts/ActDialog.tsx'
import { Command } from '../../parts/Command.tsx'
import { SelectField, TextField } from '../../parts/fields.tsx'
import { notify } from '../../parts/notices.tsx'
import { useMakeKey } from './data.ts'

const DAY_MS = 86_400_000

const limits = [
  { value: '', label: 'Everything the agent may' },
  { value: 'work', label: 'Only work on its issues' },
  { value: 'comment', label: 'Only read and comment' },
  { value: 'read', label: 'Only read' },
]

const ends = [
  { value: '', label: 'It does not expire' },
  { value: '7', label: 'In 7 days' },
  { value: '30', label: 'In 30 days' },
  { value: '90', label: 'In 90 days' },
  { value: '365', label: 'In a year' },
]

interface MakeKeyDialogProps {
  readonly agent: AgentDetail
  readonly onClose: () => void
}

/** Makes a key and shows it, once. The key is in this dialog alone, and gone with it. */
export function MakeKeyDialog({ agent, onClose }: MakeKeyDialogProps): ReactNode {
  const [made, setMade] = useState<CreatedKey | null>(null)
  if (made !== null) return <MadeKey agent={agent} made={made} onClose={onClose} />
  return <KeyForm agent={agent} onMade={setMade} onClose={onClose} />
}

function KeyForm({ agent, onMade, onClose }: MakeKeyDialogProps & { readonly onMade: (made: CreatedKey) => void }): ReactNode {
  const [name, setName] = useState('')
  const [limit, setLimit] = useState('')
  const [days, setDays] = useState('')
  // The dialog closes itself after its act; the key that is shown then must stay.
  const isMade = useRef(false)
  const make = useMakeKey(agent, (made) => {
    isMade.current = true
    onMade(made)
  })
  return (
    <ActDialog
      title={`Make a key for ${agent.name}`}
      confirm="Make the key"
      onClose={() => {
        if (!isMade.current) onClose()
      }}
      act={async () => {
        await make.mutateAsync({
          name: name.trim() === '' ? 'default' : name.trim(),
          scopes: limit === '' ? null : [limit as 'read' | 'comment' | 'work'],
          expiresAt: days === '' ? null : new Date(Date.now() + Number(days) * DAY_MS).toISOString(),
        })
        notify(`A key for ${agent.name} is made`)
      }}
    >
      <TextField
        label="Name"
        value={name}
        onChange={setName}
        isFirst
        maxLength={200}
        placeholder="laptop"
        hint="Where the key is used, so that you know it again."
      />
      <SelectField label="May do" value={limit} onChange={setLimit} choices={limits} />
      <SelectField label="Expires" value={days} onChange={setDays} choices={ends} />
    </ActDialog>
  )
}

function MadeKey({ agent, made, onClose }: MakeKeyDialogProps & { readonly made: CreatedKey }): ReactNode {
  return (
    <Dialog title={`The new key of ${agent.name}`} onClose={onClose}>
      <p className="note">
        <strong>This is the only time that the key is shown.</strong> Copy it now, to where the agent reads it. The server keeps no copy,
        and this page forgets it when the dialog closes.
      </p>
      <Command name={`Key ${made.name}`} text={made.token} />
      <footer>
        <button type="button" onClick={onClose}>
          I have copied it
        </button>
      </footer>
    </Dialog>
  )
}
