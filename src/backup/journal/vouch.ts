import type { Description } from '../format.ts'
import type { KnownJournal } from './file.ts'
import { hashOfId, isBefore } from './lines.ts'

/** The findings of a journal about a backup. */
export interface Voucher {
  /** Why the journal does not vouch for keys of agents; null when it does. */
  readonly problem: 'missing' | 'other_instance' | 'damaged' | 'older' | null
  readonly isKeyRevoked: (key: { readonly id: string; readonly agentId: string; readonly companyId: string }) => boolean
  /** How an agent of the backup ended after it; null when it did not. */
  readonly endOf: (agentId: string, companyId: string) => 'terminated' | 'quarantined' | null
}

/** A journal vouches when it is of the instance of the backup, whole, and has read at least as far as the backup. */
function problemOf(known: KnownJournal | null, { instance, newest }: Description): Voucher['problem'] {
  if (known === null) return 'missing'
  if (instance === null || known.journal.instance !== instance) return 'other_instance'
  if (!known.isWhole) return 'damaged'
  return newest !== null && isBefore(known.place, newest) ? 'older' : null
}

/** Reads what a journal knows of the keys and agents of a backup. A journal that does not vouch is still believed where it names an end. */
export function voucherOf(known: KnownJournal | null, description: Description): Voucher {
  const problem = problemOf(known, description)
  const keys = new Set<string>()
  const companies = new Set<string>()
  const agents = new Map<string, 'terminated' | 'quarantined' | null>()
  const lines = problem === 'missing' || problem === 'other_instance' ? [] : (known?.journal.lines ?? [])
  for (const line of lines) {
    if (line.kind === 'key') keys.add(line.id)
    if (line.kind === 'company') companies.add(line.id)
    if (line.kind !== 'agent' || agents.get(line.id) === 'terminated') continue
    agents.set(line.id, line.end === 'released' ? null : line.end === 'quarantined' ? 'quarantined' : 'terminated')
  }
  const endOf: Voucher['endOf'] = (agentId, companyId) =>
    companies.has(hashOfId('company', companyId)) ? 'terminated' : (agents.get(hashOfId('agent', agentId)) ?? null)
  return {
    problem,
    endOf,
    isKeyRevoked: ({ id, agentId, companyId }) => keys.has(hashOfId('key', id)) || endOf(agentId, companyId) !== null,
  }
}
