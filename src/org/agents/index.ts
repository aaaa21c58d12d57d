export { agentsToStart } from './agentsToStart.ts'
export { applyConfiguration, requirePermittedFields, fieldsOf, needsCompanyLock, resultingFields } from './configure.ts'
export { agentDefaults, insertAgent, insertAgents } from './create.ts'
export type { NewAgent } from './create.ts'
export {
  agentActivated,
  agentCreated,
  agentDeleted,
  agentDeletionBegun,
  agentPaused,
  agentQuarantined,
  agentQuarantineReleased,
  agentResumed,
  agentStartFailed,
  agentStartsAgain,
  agentTerminated,
  hireCreated,
  sessionsReset,
} from './events.ts'
export { isManagerOf, requireManagers } from './hierarchy.ts'
export { createKey, insertPlainKey, revokeKey } from './keys.ts'
export { hasTimer, heartbeatEnabled, timerSeconds, wakesOnDemand } from './heartbeatConfig.ts'
export { agentById, lockAgent, lockAgents, lockAllAgents } from './lock.ts'
export type { AgentRow } from './lock.ts'
export { requireIsolation } from './requireIsolation.ts'
export { nameKeyOf, namesOf, takeName, takeUrlKey, urlKeyOf } from './names.ts'
export type { NamesInUse } from './names.ts'
export { applyPermissions, comparePermissions } from './permissions.ts'
export { redactAgentFor } from './sight.ts'
export type { AgentDetail } from './queries.ts'
export { insertInstructionRevision, patchToRevision } from './revisions.ts'
export type { InstructionFacts, Origin } from './revisions.ts'
export { pauseFor, revokeKeys, setAgentStatus, terminateAgentsOf } from './setStatus.ts'
export { requireUsableChange, requireUsableConfig, warningsOfChange, warningsOfConfig, withWarnings } from './usableConfig.ts'
export type { ConfigurationChecks } from './usableConfig.ts'
export {
  agentDetail as agentDetailView,
  agentView,
  configurationFields,
  configurationWarnings,
  createAgentBody,
  invokableRefusals,
  okView,
  patchAgentBody,
  permissionsBody,
  shortnameQuery,
} from './views.ts'
export type { ConfigurationWarning, CreateAgent, PatchAgent, SetPermissions } from './views.ts'
