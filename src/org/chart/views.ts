import { z } from 'zod'
import { agentRoles, agentStatus } from '../../model/agentStatus.ts'
import { chartStyleNames } from './chartStyles.ts'

/** An agent with the agents that report to it. */
export const orgNode = z.strictObject({
  id: z.uuid(),
  name: z.string(),
  role: z.enum(agentRoles),
  status: z.enum(agentStatus.statuses),
  get reports() {
    return z.array(orgNode)
  },
})
export type OrgNode = z.output<typeof orgNode>

export const orgChartQuery = z.object({ style: z.enum(chartStyleNames).default('warmth') })
