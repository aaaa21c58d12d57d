import type { Activity, Agent } from '../api/types.ts'

/** The author of an audit row, in words. */
export function actorWords(
  { actorType, actorId }: Pick<Activity, 'actorType' | 'actorId'>,
  agents: readonly Pick<Agent, 'id' | 'name'>[],
): string {
  if (actorType === 'agent') return agents.find(({ id }) => id === actorId)?.name ?? `agent ${actorId.slice(0, 8)}`
  if (actorType === 'system') return 'the server'
  return actorId === 'local-board' ? 'the local board' : `person ${actorId.slice(0, 8)}`
}
