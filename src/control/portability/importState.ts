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
  /** Ids of imported agents, by slug. */
  readonly agentIds: Map<string, string>
  /** Ids of imported projects, by slug. */
  readonly projectIds: Map<string, string>
}

/** The results of planned actions, as the answer of an import names them. */
export const pastTense = { create: 'created', update: 'updated', skip: 'skipped' } as const

/** The id of the row that a slug names: a row of the package, or one that the company had. Null when there is none. */
export const findRowId = (
  importedIds: ReadonlyMap<string, string>,
  existingRows: readonly { readonly id: string; readonly urlKey: string }[],
  slug: string | null | undefined,
): string | null => (slug ? (importedIds.get(slug) ?? existingRows.find((row) => row.urlKey === slug)?.id ?? null) : null)

/** As `findRowId`, for an agent. An agent that waits for approval cannot be named. */
export const findAgentId = ({ agentIds, existing }: ImportState, slug: string | null | undefined): string | null =>
  findRowId(
    agentIds,
    existing.agents.filter((agent) => agent.isOpen),
    slug,
  )
