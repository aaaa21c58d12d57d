import { sql } from 'drizzle-orm'
import { z } from 'zod'
import { statement } from '../../platform/db/statement.ts'
import type { ReadDb } from '../../platform/db/types.ts'
import { refuse } from '../../platform/kernel/errors.ts'
import { withTimeout } from '../../platform/kernel/timeout.ts'

/** Causes for which a server that answers is degraded, so that an operator acts before it stops to answer. */
const degradedCauses = ['disk_full', 'feed_slow', 'rows_unsealed', 'descriptors_low', 'log_dropped', 'audit_doubtful'] as const
export type DegradedCause = (typeof degradedCauses)[number]

export const healthView = z.strictObject({
  status: z.literal('ok'),
  /** `degraded` while there are causes. `status` stays `ok`, because clients of Paperclip's API compare it. */
  condition: z.enum(['ok', 'degraded']),
  causes: z.array(z.enum(degradedCauses)),
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

/** The facts of this server that its health shows. */
export interface ServerFacts {
  readonly version: string
  readonly isolation: AgentIsolation
  readonly causes: () => readonly DegradedCause[]
}

const ping = statement<object, { one: number }>('health_ping').read(sql`select 1 as one`)

/** A database that has not answered within this time is unreachable, even if its port accepts connections. */
const PING_TIMEOUT_MS = 800

/** Whether the database answers within `PING_TIMEOUT_MS`. */
export async function isDatabaseReachable(db: Pick<ReadDb, 'run'>): Promise<boolean> {
  const isReachable = db.run(ping, {}).then(
    () => true,
    () => false,
  )
  return await withTimeout(isReachable, PING_TIMEOUT_MS, () => false)
}

/**
 * Checks whether the database answers.
 * @param server its version, how it isolates agents, and why it is degraded
 * @throws Refusal `unavailable` when it does not answer within `PING_TIMEOUT_MS`
 */
export async function checkHealth(
  db: Pick<ReadDb, 'run'>,
  { version, isolation, causes }: ServerFacts,
): Promise<z.output<typeof healthView>> {
  if (!(await isDatabaseReachable(db))) {
    const extraFields = { status: 'unhealthy', version }
    refuse('unavailable', { message: 'database_unreachable', retryAfter: 1, extraFields })
  }
  const present = [...causes()]
  return {
    status: 'ok',
    condition: present.length === 0 ? 'ok' : 'degraded',
    causes: present,
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
