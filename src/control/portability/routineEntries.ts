// Tasks that come back: a task with `recurring: true` in its head, or with an entry under `routines` in the extension.

import { z } from 'zod'
import { createRoutineBody, createTriggerBody, MAX_TRIGGERS, problemOfRoutine } from '../routines/index.ts'
import { plain } from './coerce.ts'
import { described, extraOf, fieldsOf, parseEntry, renamed, slug } from './entries.ts'
import type { PackageDocument, ReaderState } from './entries.ts'

const { title, description, priority, status, concurrencyPolicy, catchUpPolicy, variables } = createRoutineBody.shape
const routineEntry = z.object({
  title,
  description,
  priority,
  status,
  concurrencyPolicy,
  catchUpPolicy,
  variables,
  project: slug.nullish(),
  assignee: slug.nullish(),
  parent: slug.nullish(),
  goal: slug.nullish(),
  triggers: z.array(createTriggerBody).max(MAX_TRIGGERS).default([]),
})
export type RoutineEntry = z.output<typeof routineEntry> & { readonly slug: string; readonly path: string }

/** Whether the document of a task is that of a routine. */
export const isRecurring = (key: string, file: PackageDocument, { extension }: ReaderState): boolean =>
  plain(file.head['recurring']) === true || extraOf(extension.routines, key, file) !== null

/** Reads the document of a routine. @param folder the project in whose folder it is; null outside of projects */
export function parseRoutine(key: string, file: PackageDocument, folder: string | null, state: ReaderState): RoutineEntry | null {
  const { path } = file
  const extra = extraOf(state.extension.routines, key, file)
  const { recurring: _, ...fields } = described(renamed(fieldsOf(file, extra, state), { name: 'title' }), file, state)
  const input = { ...fields, title: fields['title'] ?? key, project: fields['project'] ?? folder }
  const entry = parseEntry(path, routineEntry, input, state)
  if (entry === null) return null
  const problem = problemOfRoutine(entry.variables, entry.triggers)
  if (problem !== null) state.errors.push(`${path}: ${problem}`)
  return problem === null ? { ...entry, slug: key, path } : null
}
