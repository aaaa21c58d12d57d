/** The condition under which a person's audit row counts as an intervention; `meetsCondition` in queries.ts decides it. */
export type InterventionCondition = 'always' | 'of a hold' | 'evicting'

/**
 * The actions by which the board forced or overrode something: the preset `interventions=true`. It does not contain ordinary
 * answers of the board (an approval granted, a question answered), the end of an intervention (an agent resumed), or
 * actions of the server.
 *
 * An action on a hold counts when its row names the run that had the hold, live or not. The row does not record whether the
 * run was live, and taking an issue from a dead run is an intervention, too.
 */
export const interventions: readonly { readonly action: string; readonly condition: InterventionCondition }[] = [
  // The board ended or assigned a hold.
  { action: 'issue.admin_force_release', condition: 'always' },
  { action: 'issue.released', condition: 'of a hold' },
  { action: 'issue.lock_cleared', condition: 'evicting' },
  { action: 'issue.checked_out', condition: 'always' },
  { action: 'issue.deleted', condition: 'of a hold' },
  { action: 'heartbeat.cancelled', condition: 'always' },
  // The board stopped an agent, or revoked its credential.
  { action: 'agent.paused', condition: 'always' },
  { action: 'agent.terminated', condition: 'always' },
  { action: 'agent.deleted', condition: 'always' },
  { action: 'agent.key_revoked', condition: 'always' },
  // The board refused or returned the request of an agent.
  { action: 'approval.rejected', condition: 'always' },
  { action: 'approval.revision_requested', condition: 'always' },
  // The board stopped a company.
  { action: 'company.archived', condition: 'always' },
  { action: 'company.deleted', condition: 'always' },
]
