import { sql } from 'drizzle-orm'
import { z } from 'zod'
import { statement } from '../../platform/db/statement.ts'
import type { ReadDb } from '../../platform/db/types.ts'
import { refuse } from '../../platform/kernel/errors.ts'
import { withTimeout } from '../../platform/kernel/timeout.ts'

export const healthView = z.strictObject({
  status: z.literal('ok'),
  version: z.string(),
  deploymentMode: z.literal('local_trusted'),
  deploymentExposure: z.literal('private'),
  authReady: z.boolean(),
  bootstrapStatus: z.literal('ready'),
  bootstrapInviteActive: z.boolean(),
  /** How agents that this server starts are kept from it, and why no stronger way works here. */
  agentIsolation: z.strictObject({ kind: z.enum(['account', 'namespace', 'none']), reason: z.string() }),
  features: z.strictObject({ companyDeletionEnabled: z.boolean() }),
})

export type AgentIsolation = z.output<typeof healthView>['agentIsolation']

const ping = statement<object, { one: number }>('health_ping').read(sql`select 1 as one`)

/** A database that has not answered within this time is unreachable, even if its port accepts connections. */
const PING_TIMEOUT_MS = 800

/**
 * Checks whether the database answers.
 * @param server its version, and how it isolates agents
 * @throws Refusal `unavailable` when it does not answer within `PING_TIMEOUT_MS`
 */
export async function checkHealth(
  db: Pick<ReadDb, 'run'>,
  { version, isolation }: { readonly version: string; readonly isolation: AgentIsolation },
): Promise<z.output<typeof healthView>> {
  const isReachable = db.run(ping, {}).then(
    () => true,
    () => false,
  )
  if (!(await withTimeout(isReachable, PING_TIMEOUT_MS, () => false))) {
    const extraFields = { status: 'unhealthy', version }
    refuse('unavailable', { message: 'database_unreachable', retryAfter: 1, extraFields })
  }
  return {
    status: 'ok',
    version,
    deploymentMode: 'local_trusted',
    deploymentExposure: 'private',
    authReady: true,
    bootstrapStatus: 'ready',
    bootstrapInviteActive: false,
    agentIsolation: { kind: isolation.kind, reason: isolation.reason },
    features: { companyDeletionEnabled: true },
  }
}
