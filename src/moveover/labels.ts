import { sql } from 'drizzle-orm'
import { createLabelBody } from '../org/labels/index.ts'
import { labels } from '../model/issues.ts'
import { insertRows } from '../platform/db/insertRows.ts'
import { param, statement } from '../platform/db/statement.ts'
import { skeleton } from '../platform/kernel/skeleton.ts'
import { createdColumn, idColumn, needed, orElse, updatedColumn } from './columns.ts'
import type { SourceTable } from './columns.ts'
import { knownIn } from './move.ts'
import type { Move, Noun } from './move.ts'
import { moveTable } from './moveTable.ts'

const DEFAULT_COLOR = '#6366f1'

export const labelTable = {
  name: 'labels',
  columns: {
    id: idColumn,
    name: needed('text', 'name', createLabelBody.shape.name),
    color: orElse('text', 'color', createLabelBody.shape.color, DEFAULT_COLOR),
    createdAt: createdColumn,
    updatedAt: updatedColumn,
  },
} as const satisfies SourceTable

const insertLabels = insertRows('moveover_labels', labels, ['id', 'companyId', 'name', 'color', 'createdAt', 'updatedAt'])
type LabelRow = Parameters<typeof insertLabels>[1][number] & { readonly id: string }

const labelNoun: Noun<LabelRow> = {
  name: 'labels',
  knownById: knownIn('labels', labels),
  deletedBy: { actions: ['label.deleted'] },
  async write(tx, rows) {
    await insertLabels(tx, rows)
    return []
  },
}

const selectLabels = statement<{ companyId: string }, { id: string; name: string }>('moveover_label_names').read(
  sql`select id::text as id, name from ${labels} where company_id = ${param('companyId', 'uuid')}`,
)

/** Brings the labels of a company. One whose name looks like that of another label is that label from then on. */
export async function moveLabels(move: Move): Promise<void> {
  const { present } = move
  const here = await move.store.read.run(selectLabels, { companyId: move.companyId })
  const owners = new Map(here.map(({ id, name }) => [skeleton(name), id]))
  await moveTable(
    move,
    {
      table: labelTable,
      noun: labelNoun,
      shape(row, note, { companyId }) {
        const owner = owners.get(skeleton(row.name)) ?? row.id
        owners.set(skeleton(row.name), owner)
        if (owner === row.id) return { ...row, companyId }
        present.labels.set(row.id, owner)
        note('not brought: another label has a name that looks the same, and its issues get that one')
        return null
      },
    },
    (id) => present.labels.set(id, id),
  )
}
