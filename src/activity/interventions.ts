/** What else must be true of a row with that action, besides that a person did it: see `counts` in queries.ts. */
export type When = 'always' | 'of a hold' | 'evicting'

/**
 * Whatever the board forced or overrode, as data: the preset `interventions=true`. Not in it: what the board is asked for
 * in the ordinary way (an approval granted, a question answered), what undoes an intervention (an agent resumed), and
 * what the server did by itself.
 *
 * A hold counts where the row names the run that had it, live or not: the row does not say which, and a board that takes
 * an issue out of a dead run's hands has stepped in as well.
 */
export const interventions: readonly { readonly action: string; readonly when: When }[] = [
  // A hold ended or given by the board's hand.
  { action: 'issue.admin_force_release', when: 'always' },
  { action: 'issue.released', when: 'of a hold' },
  { action: 'issue.lock_cleared', when: 'evicting' },
  { action: 'issue.checked_out', when: 'always' },
  { action: 'issue.deleted', when: 'of a hold' },
  { action: 'heartbeat.cancelled', when: 'always' },
  // An agent stopped, or its credential taken.
  { action: 'agent.paused', when: 'always' },
  { action: 'agent.terminated', when: 'always' },
  { action: 'agent.deleted', when: 'always' },
  { action: 'agent.key_revoked', when: 'always' },
  // What an agent asked for, refused or sent back.
  { action: 'approval.rejected', when: 'always' },
  { action: 'approval.revision_requested', when: 'always' },
  // A whole company stopped.
  { action: 'company.archived', when: 'always' },
  { action: 'company.deleted', when: 'always' },
]
