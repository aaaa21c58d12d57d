import type { Ctx, Tx } from '../../platform/db/types.ts'
import type { DomainEvent } from '../../platform/kernel/event.ts'
import type { ImportPlan } from './plan.ts'
import type { ExistingRows } from './rows.ts'

/** An import in progress, inside its transaction. */
export interface ImportState {
  readonly tx: Tx
  /** In the company that the package is imported into. */
  readonly ctx: Ctx
  readonly plan: ImportPlan
  /** The rows that the company had before the import. */
  readonly existing: ExistingRows
  readonly events: DomainEvent[]
  readonly warnings: string[]
  /** Ids of agents by the name that entries of the package use: open agents of the company, and imported ones in their place. */
  readonly agentIds: Map<string, string>
  /** Ids of projects, likewise. */
  readonly projectIds: Map<string, string>
  /** Ids of the goals of the package by slug. */
  readonly goalIds: Map<string, string>
}

/** The results of planned actions, as the answer of an import names them. */
export const pastTense = { create: 'created', update: 'updated', skip: 'skipped' } as const

/** Ids of rows by their shortnames; the oldest of a shortname. */
export const idsByUrlKey = (rows: readonly { readonly id: string; readonly urlKey: string }[]): Map<string, string> =>
  new Map(rows.toReversed().map(({ id, urlKey }) => [urlKey, id]))

/** Waits for works whose statements are on their way at once, for all of them also when one fails. @throws the first failure */
export async function allAtOnce<T>(works: readonly Promise<T>[]): Promise<T[]> {
  await Promise.allSettled(works)
  return await Promise.all(works)
}

type Slug = string | null | undefined

/** The id of the agent that a slug names. Null when there is none; an agent that waits for approval cannot be named. */
export const findAgentId = ({ agentIds }: ImportState, slug: Slug): string | null => (slug ? (agentIds.get(slug) ?? null) : null)

/** As `findAgentId`, for a project. */
export const findProjectId = ({ projectIds }: ImportState, slug: Slug): string | null => (slug ? (projectIds.get(slug) ?? null) : null)
