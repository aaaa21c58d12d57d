// The parts of which the sentences about audit rows are made. Pure: names and links are put in when a sentence is shown.

import type { Activity } from '../../api/types.ts'

export type NamedKind = 'agent' | 'issue' | 'run' | 'approval' | 'project' | 'goal' | 'person'

/** A row that has a name, and mostly a page. */
export interface Named {
  readonly kind: NamedKind
  readonly id: string
  /** The name as the audit row has it, for a row that is gone since. */
  readonly text?: string
}

/** A text that a person or an agent wrote: never words of the console. */
export interface Quoted {
  readonly quote: string
}

export type Part = string | Named | Quoted

/** An audit row, also as the event stream has it. */
export type SentenceRow = Pick<Activity, 'action' | 'actorType' | 'actorId' | 'entityType' | 'entityId' | 'agentId' | 'runId' | 'details'>

/** Makes the sentence about a row. */
export interface SentenceMaker {
  (row: SentenceRow): readonly Part[]
  readonly isConsequence?: true
}

type Piece = Part | readonly Part[] | number | null

/** The parts of a template, its empty ones left out. */
export function say(texts: TemplateStringsArray, ...pieces: readonly Piece[]): readonly Part[] {
  const parts: Part[] = []
  const add = (part: Part): void => {
    const last = parts.at(-1)
    if (part === '') return
    if (typeof part === 'string' && typeof last === 'string') parts[parts.length - 1] = last + part
    else parts.push(part)
  }
  for (const [at, text] of texts.entries()) {
    add(text)
    const piece = pieces[at]
    if (piece === undefined || piece === null) continue
    if (typeof piece === 'number') add(String(piece))
    else if (typeof piece === 'string' || !Array.isArray(piece)) add(piece as Part)
    else for (const part of piece as readonly Part[]) add(part)
  }
  return parts
}

const LOCAL_BOARD = 'local-board'

/** The one that acted, at the beginning of a sentence. */
export function actorOf({ actorType, actorId }: Pick<SentenceRow, 'actorType' | 'actorId'>): Part {
  if (actorType === 'system') return 'The server'
  if (actorType === 'agent') return { kind: 'agent', id: actorId }
  return actorId === LOCAL_BOARD ? 'The board' : { kind: 'person', id: actorId }
}

/** A sentence whose subject is the one that acted. */
export const by =
  (rest: SentenceMaker): SentenceMaker =>
  (row) =>
    say`${actorOf(row)} ${rest(row)}`

/** A sentence about something that happened to a thing. The actor is added when it is a person that the sentence does not name. */
export const passive =
  (rest: SentenceMaker): SentenceMaker =>
  (row) => {
    const parts = rest(row)
    const isNamed = parts.some((part) => typeof part === 'object' && 'id' in part && part.id === row.actorId)
    return row.actorType === 'user' && !isNamed ? say`${parts} (by ${actorInside(row)})` : parts
  }

/** A sentence about something that the server did in consequence, on the row of the actor that caused it. */
export const consequence = (rest: SentenceMaker): SentenceMaker =>
  Object.assign((row: SentenceRow) => rest(row), { isConsequence: true as const })

const actorInside = (row: SentenceRow): Part => {
  const actor = actorOf(row)
  return actor === 'The board' ? 'the board' : actor
}

const detail = (row: SentenceRow, name: string): unknown => row.details?.[name]

export const textIn = (row: SentenceRow, name: string): string | null => {
  const value = detail(row, name)
  return typeof value === 'string' && value !== '' ? value : null
}
export const numberIn = (row: SentenceRow, name: string): number => {
  const value = detail(row, name)
  return typeof value === 'number' ? value : 0
}
export const listIn = (row: SentenceRow, name: string): readonly string[] => {
  const value = detail(row, name)
  return Array.isArray(value) ? value.map(String) : []
}
export const flagIn = (row: SentenceRow, name: string): boolean => detail(row, name) === true
export const recordIn = (row: SentenceRow, name: string): Readonly<Record<string, unknown>> => {
  const value = detail(row, name)
  return typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as Record<string, unknown>) : {}
}

/** A text of the row in quotes; nothing where it has none. */
export const quoted = (row: SentenceRow, name: string): readonly Part[] => {
  const text = textIn(row, name)
  return text === null ? [] : [{ quote: text }]
}

/** ": because …" at the end of a sentence. */
export const because = (row: SentenceRow, name = 'reason'): readonly Part[] => {
  const text = textIn(row, name)
  return text === null ? [] : [': ', { quote: text }]
}

/** Words in the place of a code: `lock_revoked` as "lock revoked". */
export const codeIn = (row: SentenceRow, name: string): string => (textIn(row, name) ?? 'unknown').replaceAll('_', ' ')

/** A row that a detail names by its id. */
export const named = (row: SentenceRow, kind: NamedKind, name: string): readonly Part[] => {
  const id = textIn(row, name)
  return id === null ? [] : [{ kind, id }]
}

const nameDetails: Readonly<Partial<Record<NamedKind, string>>> = { agent: 'name', issue: 'identifier', project: 'name', goal: 'title' }

/** The row that the audit row is about. */
export function entity(row: SentenceRow, kind: NamedKind): Named {
  const detailName = nameDetails[kind]
  // The identifier of a child stands on the row of its parent.
  const text = detailName === undefined || row.action === 'issue.child_created' ? null : textIn(row, detailName)
  return text === null ? { kind, id: row.entityId } : { kind, id: row.entityId, text }
}

/** "3 runs", "1 run". */
export const count = (value: number, one: string, many = `${one}s`): string => `${value} ${value === 1 ? one : many}`

/** "a, b and c". */
export const enumerated = (words: readonly string[]): string =>
  words.length < 2 ? (words[0] ?? '') : `${words.slice(0, -1).join(', ')} and ${words.at(-1)}`

/** Fields whose names are no words for readers. */
const fieldNames: Readonly<Record<string, string>> = {
  blockedByIssueIds: 'blockers',
  labelIds: 'labels',
  goalIds: 'goals',
  env: 'environment',
}

/** `assigneeAgentId` as "assignee agent", `budgetMonthlyCents` as "budget monthly cents". */
export const fieldWords = (name: string): string =>
  fieldNames[name] ??
  name
    .replace(/Ids?$/, '')
    .replaceAll(/(?<=[a-z0-9])[A-Z]/g, (letter) => ` ${letter.toLowerCase()}`)
    .replaceAll('_', ' ')
