// The properties that the parts of the page of an agent receive.

import type { AgentDetail } from '../../agentParts/reads.ts'

/** The acts of the page, by the dialog of each. */
export type AgentAct = 'wake' | 'pause' | 'resume' | 'quarantine' | 'release' | 'terminate' | 'delete'

export interface TabProps {
  readonly agent: AgentDetail
  /** Opens the dialog of an act. */
  readonly onOpen: (act: AgentAct) => void
}
