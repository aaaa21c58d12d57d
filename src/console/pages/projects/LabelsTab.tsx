import { useState } from 'react'
import type { ReactNode } from 'react'
import { inBackground } from '../../api/background.ts'
import type { Label } from '../../api/types.ts'
import { useCompanyPath } from '../../frame/company.tsx'
import { useKeys } from '../../keys/keys.ts'
import { ActDialog } from '../../parts/ActDialog.tsx'
import { ColorField } from '../../parts/ColorField.tsx'
import { DataTable } from '../../parts/DataTable.tsx'
import type { Column } from '../../parts/DataTable.tsx'
import { Empty, Skeleton } from '../../parts/Empty.tsx'
import { TextField } from '../../parts/fields.tsx'
import { notify } from '../../parts/notices.tsx'
import { Problem } from '../../parts/Problem.tsx'
import { Swatch } from '../../parts/Swatch.tsx'
import { Time } from '../../parts/Time.tsx'
import { Link } from '../../router/Link.tsx'
import { useCreateLabel, useDeleteLabel, useIssueCount, useLabels } from './data.ts'

/** The labels of the company, by name. */
export function LabelsTab(): ReactNode {
  const read = useLabels()
  const [isCreating, setCreating] = useState(false)
  const [removed, setRemoved] = useState<Label | null>(null)
  const columns = useColumns(setRemoved)
  const labels = read.data?.data ?? []
  useKeys('Labels', [{ keys: 'n', label: 'New label', run: () => setCreating(true) }])
  return (
    <section aria-labelledby="labels">
      <div className="section-head">
        <h2 id="labels">Labels</h2>
        <button type="button" onClick={() => setCreating(true)}>
          New label
        </button>
      </div>
      {read.error !== null && <Problem problem={read.error} retry={() => inBackground(read.refetch())} />}
      {read.isPending ? (
        <Skeleton />
      ) : labels.length === 0 ? (
        <Empty title="There is no label yet.">
          <p>Labels mark issues across projects. Agents may claim issues by them.</p>
        </Empty>
      ) : (
        <DataTable name="Labels" rows={labels} columns={columns} keyOf={({ id }) => id} />
      )}
      {isCreating && <NewLabel onClose={() => setCreating(false)} />}
      {removed !== null && <DeleteLabel label={removed} onClose={() => setRemoved(null)} />}
    </section>
  )
}

function useColumns(onDelete: (label: Label) => void): Column<Label>[] {
  const pathOf = useCompanyPath()
  return [
    {
      key: 'name',
      title: 'Name',
      cell: ({ name, color }) => (
        <>
          <Swatch color={color} /> {name}
        </>
      ),
    },
    { key: 'color', title: 'Colour', cell: ({ color }) => <span className="mono">{color}</span>, isSecondary: true },
    { key: 'made', title: 'Made', cell: ({ createdAt }) => <Time at={createdAt} />, isSecondary: true },
    {
      key: 'issues',
      title: 'Issues',
      cell: ({ id, name }) => (
        <Link to={pathOf(`issues?labelId=${id}`)}>
          See issues<span className="hidden"> with {name}</span>
        </Link>
      ),
    },
    {
      key: 'acts',
      title: 'Acts',
      cell: (label) => (
        <button type="button" className="quiet danger" onClick={() => onDelete(label)}>
          Delete<span className="hidden"> {label.name}</span>
        </button>
      ),
    },
  ]
}

const FIRST_COLOR = '#0b57d0'

function NewLabel({ onClose }: { readonly onClose: () => void }): ReactNode {
  const [name, setName] = useState('')
  const [color, setColor] = useState(FIRST_COLOR)
  const create = useCreateLabel()
  return (
    <ActDialog
      title="New label"
      confirm="Create the label"
      onClose={onClose}
      act={async () => {
        await create.mutateAsync({ name: name.trim(), color })
        notify(`The label ${name.trim()} is made`)
      }}
    >
      <TextField
        label="Name"
        value={name}
        onChange={setName}
        isRequired
        isFirst
        maxLength={48}
        hint="A label keeps its name and its colour."
      />
      <ColorField label="Colour" value={color} onChange={(value) => setColor(value ?? FIRST_COLOR)} isRequired />
    </ActDialog>
  )
}

function DeleteLabel({ label, onClose }: { readonly label: Label; readonly onClose: () => void }): ReactNode {
  const remove = useDeleteLabel()
  const issues = useIssueCount({ labelId: label.id })
  return (
    <ActDialog
      title={`Delete ${label.name}`}
      confirm={`Delete ${label.name}`}
      isDangerous
      onClose={onClose}
      act={async () => {
        await remove.mutateAsync(label.id)
        notify(`The label ${label.name} is deleted`)
      }}
    >
      <p>It is removed from {issues ?? 'every issue that has it'}. Nothing brings it back.</p>
    </ActDialog>
  )
}
