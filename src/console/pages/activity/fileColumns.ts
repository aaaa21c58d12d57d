import type { Activity } from '../../api/types.ts'
import type { Column } from '../../parts/DataTable.tsx'
import { escapeHidden, withNames } from '../../texts/hiddenCharacters.ts'
import { actorOf, sentenceOf, sentenceText } from './sentences.ts'
import type { NameOf } from './sentences.ts'

const column = (title: string, text: (row: Activity) => string): Column<Activity> => ({ key: title, title, text, cell: text })

const reasonOf = ({ details }: Activity): string => {
  const reason = details?.['reason']
  return typeof reason === 'string' ? withNames(reason) : ''
}

/** The columns of the log in a file. */
export const fileColumns = (nameOf: NameOf): readonly Column<Activity>[] => [
  column('time', ({ createdAt }) => createdAt),
  column('number', ({ seq }) => String(seq)),
  column('actor', (row) => withNames(sentenceText([actorOf(row)], nameOf))),
  column('what happened', (row) => withNames(sentenceText(sentenceOf(row), nameOf))),
  column('reason', reasonOf),
  column('action', ({ action }) => action),
  column('actor type', ({ actorType }) => actorType),
  column('actor id', ({ actorId }) => actorId),
  column('entity type', ({ entityType }) => entityType),
  column('entity id', ({ entityId }) => entityId),
  column('agent id', ({ agentId }) => agentId ?? ''),
  column('run id', ({ runId }) => runId ?? ''),
  column('row id', ({ id }) => id),
  column('details', ({ details }) => escapeHidden(JSON.stringify(details ?? {}))),
]
