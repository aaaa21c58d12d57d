import { useQuery } from '@tanstack/react-query'
import type { UseQueryResult } from '@tanstack/react-query'
import type { z } from 'zod'
import type { resetSessionView, runtimeStateView, taskSessionView } from '../../../control/execution/views.ts'
import type { KeyScope } from '../../../platform/kernel/actor.ts'
import type { quarantineView } from '../../../observe/activity/quarantineReport.ts'
import type { keyItem } from '../../../org/agents/views.ts'
import { AGENT_NOUNS } from '../../agentParts/acts.ts'
import type { AgentDetail } from '../../agentParts/reads.ts'
import { useAct } from '../../api/acts.ts'
import { ApiProblem, request } from '../../api/client.ts'
import { requireAllowed } from '../../api/ownRole.ts'
import { usePages, useRead } from '../../api/reads.ts'
import type { Agent, AgentConfiguration, AgentRevision, CreatedKey, Run } from '../../api/types.ts'
import { editableOf } from './configuration.ts'
import type { Editable } from './configuration.ts'

export type AgentKey = z.output<typeof keyItem>
export type RuntimeState = z.output<typeof runtimeStateView>
export type TaskSession = z.output<typeof taskSessionView>
export type QuarantineReport = z.output<typeof quarantineView>

const key = (agent: Agent, part: string): readonly [string, string, ...string[]] => ['agent', agent.companyId, agent.id, part]

export const useKeysOf = (agent: Agent) => useRead<AgentKey[]>(key(agent, 'keys'), `/agents/${agent.id}/keys`)
export const useRuntime = (agent: Agent) => useRead<RuntimeState>(key(agent, 'runtime'), `/agents/${agent.id}/runtime-state`)
export const useSessions = (agent: Agent) => useRead<TaskSession[]>(key(agent, 'sessions'), `/agents/${agent.id}/task-sessions`)
export const useRevisions = (agent: Agent) =>
  usePages<AgentRevision>(key(agent, 'revisions'), `/agents/${agent.id}/config-revisions`, {}, 50)

/** The runs that the last quarantine ended. */
export const useQuarantine = (agent: Agent, isEnabled: boolean) =>
  useRead<QuarantineReport>(key(agent, 'quarantine'), `/agents/${agent.id}/quarantine`, { isEnabled })

/** The last runs of an agent, newest first. */
export const useLastRuns = (agent: Agent) =>
  useRead<Run[]>(['runs', agent.companyId, agent.id, 'last'], `/companies/${agent.companyId}/heartbeat-runs`, {
    query: { agentId: agent.id, limit: 10 },
  })

/** Those of its acts that have no reason: their audit rows have no place for one. */
export const useRelease = ({ id }: Agent) =>
  useAct<void, Agent>(AGENT_NOUNS, async () => (await request<Agent>('DELETE', `/agents/${id}/quarantine`)).data)

export const useDelete = ({ id }: Agent) => useAct<void, unknown>(AGENT_NOUNS, async () => (await request('DELETE', `/agents/${id}`)).data)

/** Forgets the sessions of an agent. @returns how many there were */
export const useReset = ({ id }: Agent) =>
  useAct<string | null, number>(AGENT_NOUNS, async (taskKey) => {
    const path = `/agents/${id}/runtime-state/reset-session`
    const { data } = await request<z.output<typeof resetSessionView>>('POST', path, { body: { taskKey } })
    return data.clearedTaskSessions
  })

export interface NewKey {
  readonly name: string
  readonly expiresAt: string | null
  readonly scopes: readonly KeyScope[] | null
}

/** Makes a key. Its token goes to `onMade` and nowhere else: what an act returns is kept for a while. */
export const useMakeKey = ({ id }: Agent, onMade: (made: CreatedKey) => void) =>
  useAct<NewKey, void>(['agent'], async (body) => onMade((await request<CreatedKey>('POST', `/agents/${id}/keys`, { body })).data))

export const useRevokeKey = ({ id }: Agent) =>
  useAct<string, unknown>(['agent'], async (keyId) => (await request('DELETE', `/agents/${id}/keys/${keyId}`)).data)

export const usePermit = ({ id }: Agent) =>
  useAct<{ readonly canCreateAgents: boolean; readonly canAssignTasks: boolean }, AgentDetail>(
    AGENT_NOUNS,
    async (body) => (await request<AgentDetail>('PATCH', `/agents/${id}/permissions`, { body })).data,
  )

/** A configuration with the version that a change of it names. */
export interface ConfigurationBase {
  readonly editable: Editable
  readonly updatedAt: string
  /** The newest change of the configuration; null where there was none. */
  readonly revision: AgentRevision | null
}

/** Attempts to read the parts of a configuration in one state, while a run of the agent moves its version. */
const ATTEMPTS = 4

async function readBase(id: string, signal?: AbortSignal): Promise<ConfigurationBase> {
  const options = signal === undefined ? {} : { signal }
  for (let attempt = 1; ; attempt += 1) {
    const [detail, configuration, revisions] = await Promise.all([
      request<AgentDetail>('GET', `/agents/${id}`, options),
      request<AgentConfiguration>('GET', `/agents/${id}/configuration`, options),
      request<AgentRevision[]>('GET', `/agents/${id}/config-revisions`, { ...options, query: { limit: 1 } }),
    ])
    const { updatedAt } = configuration.data
    if (detail.data.updatedAt === updatedAt || attempt === ATTEMPTS)
      return { editable: editableOf(configuration.data, detail.data), updatedAt, revision: revisions.data[0] ?? null }
  }
}

/** The configuration of an agent as it can be edited. */
export const useConfigurationBase = (agent: Agent): UseQueryResult<ConfigurationBase, ApiProblem> =>
  useQuery<ConfigurationBase, ApiProblem>({
    queryKey: key(agent, 'base'),
    queryFn: async ({ client, signal }) => {
      await requireAllowed(client, agent.companyId, `/agents/${agent.id}/configuration`)
      return await readBase(agent.id, signal)
    },
  })

export interface ConfigurationChange {
  readonly patch: Record<string, unknown>
  readonly base: ConfigurationBase
}

/**
 * Changes the configuration that was read, and no other. A run of the agent moves its version as well; then the change is sent again.
 * @throws ApiProblem `precondition_failed` where another operator has changed the configuration
 */
export const useConfigure = (agent: Agent) =>
  useAct<ConfigurationChange, Agent & { warnings?: { message: string }[] }>(AGENT_NOUNS, async ({ patch, base }) => {
    let { updatedAt } = base
    for (let attempt = 1; ; attempt += 1) {
      try {
        const path = `/agents/${agent.id}`
        return (await request<Agent & { warnings?: { message: string }[] }>('PATCH', path, { body: patch, ifMatch: `"${updatedAt}"` })).data
      } catch (error) {
        if (!(error instanceof ApiProblem) || error.status !== 412 || attempt === ATTEMPTS) throw error
        const fresh = await readBase(agent.id)
        if (fresh.revision?.id !== base.revision?.id) throw error
        updatedAt = fresh.updatedAt
      }
    }
  })

export interface RollBack {
  readonly revisionId: string
  /** The newest revision whose difference the operator has seen. */
  readonly newestId: string
}

/**
 * Restores the configuration that a revision left. The route has no version to compare, so that the newest revision is read just before.
 * @throws ApiProblem `revision_changed` where the configuration is another one than the difference showed
 */
export const useRollBack = ({ id }: Agent) =>
  useAct<RollBack, Agent>(AGENT_NOUNS, async ({ revisionId, newestId }) => {
    const { data: newest } = await request<AgentRevision[]>('GET', `/agents/${id}/config-revisions`, { query: { limit: 1 } })
    if (newest[0]?.id !== newestId)
      throw new ApiProblem('The configuration was changed while this dialog was open. Look at the new difference, and confirm again', {
        status: 409,
        code: 'revision_changed',
        details: null,
        body: {},
        requestId: null,
      })
    return (await request<Agent>('POST', `/agents/${id}/config-revisions/${revisionId}/rollback`, { body: {} })).data
  })
