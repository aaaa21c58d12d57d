import type { Activity } from '../../api/types.ts'
import { wordsOf } from '../../parts/Status.tsx'

const textIn = (record: Readonly<Record<string, unknown>> | null, name: string): string | null => {
  const value = record?.[name]
  return typeof value === 'string' && value !== '' ? value : null
}

/** The newest thing that a run did: its comment, or the act in words. */
export function lastWords({ action, details }: Pick<Activity, 'action' | 'details'>): string {
  const snippet = textIn(details, 'bodySnippet')
  if (snippet !== null) return `“${snippet}”`
  const status = textIn(details, 'status')
  if (action === 'issue.updated' && status !== null) return `set the status to ${wordsOf(status)}`
  return wordsOf(action.slice(action.indexOf('.') + 1))
}
