/** What else must be true of a row with that action, besides that a person did it: see `counts` in queries.ts. */
export type InterventionCondition = 'always' | 'of a hold' | 'evicting'

/**
 * Whatever the board forced or overrode, as data: the preset `interventions=true`. Not in it: what the board is asked for
 * in the ordinary way (an approval granted, a question answered), what undoes an intervention (an agent resumed), and
 * what the server did by itself.
 *
 * A hold counts where the row names the run that had it, live or not: the row does not say which, and a board that takes
 * an issue out of a dead run's hands has stepped in as well.
 */
export const interventions: readonly { readonly action: string; readonly condition: InterventionCondition }[] = [
  // A hold ended or given by the board's hand.
  { action: 'issue.admin_force_release', condition: 'always' },
  { action: 'issue.released', condition: 'of a hold' },
  { action: 'issue.lock_cleared', condition: 'evicting' },
  { action: 'issue.checked_out', condition: 'always' },
  { action: 'issue.deleted', condition: 'of a hold' },
  { action: 'heartbeat.cancelled', condition: 'always' },
  // An agent stopped, or its credential taken.
  { action: 'agent.paused', condition: 'always' },
  { action: 'agent.terminated', condition: 'always' },
  { action: 'agent.deleted', condition: 'always' },
  { action: 'agent.key_revoked', condition: 'always' },
  // What an agent asked for, refused or sent back.
  { action: 'approval.rejected', condition: 'always' },
  { action: 'approval.revision_requested', condition: 'always' },
  // A whole company stopped.
  { action: 'company.archived', condition: 'always' },
  { action: 'company.deleted', condition: 'always' },
]
