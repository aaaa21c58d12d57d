import { sql } from 'drizzle-orm'
import { z } from 'zod'
import { invites } from '../../model/invites.ts'
import { instanceAdministrators } from '../../model/people.ts'
import { statement } from '../../platform/db/statement.ts'
import type { ReadDb } from '../../platform/db/types.ts'
import { refuse } from '../../platform/kernel/errors.ts'
import { exactlyOne } from '../../platform/kernel/exactlyOne.ts'
import { withTimeout } from '../../platform/kernel/timeout.ts'

/** Causes for which a server that answers is degraded, so that an operator acts before it stops to answer. */
const degradedCauses = [
  'disk_full',
  'feed_slow',
  'rows_unsealed',
  'descriptors_low',
  'log_dropped',
  'audit_doubtful',
  'backup_failed',
] as const
export type DegradedCause = (typeof degradedCauses)[number]

export const healthView = z.strictObject({
  status: z.literal('ok'),
  /** `degraded` while there are causes. `status` stays `ok`, because clients of Paperclip's API compare it. */
  condition: z.enum(['ok', 'degraded']),
  causes: z.array(z.enum(degradedCauses)),
  version: z.string(),
  deploymentMode: z.enum(['local_trusted', 'authenticated']),
  deploymentExposure: z.enum(['private', 'public']),
  authReady: z.boolean(),
  bootstrapStatus: z.enum(['ready', 'bootstrap_pending']),
  bootstrapInviteActive: z.boolean(),
  /** How agents that this server starts are kept from it, and why no stronger way works here. */
  agentIsolation: z.strictObject({ kind: z.enum(['account', 'namespace', 'none']), reason: z.string() }),
  features: z.strictObject({ companyDeletionEnabled: z.boolean() }),
})

export type AgentIsolation = z.output<typeof healthView>['agentIsolation']

/** Whether people sign in to this server, and who reaches it. */
export type DeploymentFacts = Pick<z.output<typeof healthView>, 'deploymentMode' | 'deploymentExposure'>

/** The facts of this server that its health shows. */
export interface ServerFacts {
  readonly version: string
  readonly isolation: AgentIsolation
  readonly causes: () => readonly DegradedCause[]
  readonly deployment: DeploymentFacts
}

const ping = statement<object, { one: number }>('health_ping').read(sql`select 1 as one`)

const bootstrapState = statement<object, Bootstrap>('health_bootstrap').read(sql`
  select exists (select from ${instanceAdministrators}) as "hasAdministrator",
    exists (select from ${invites} where invite_type = 'bootstrap_ceo' and revoked_at is null and accepted_at is null
      and expires_at > now()) as "isInvited"`)

interface Bootstrap {
  /** A person administers the instance. Until then only the holder of the token of the board does. */
  readonly hasAdministrator: boolean
  /** An invitation for an administrator can be accepted. */
  readonly isInvited: boolean
}

const LOCAL: Bootstrap = { hasAdministrator: true, isInvited: false }

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
  { version, isolation, causes, deployment }: ServerFacts,
): Promise<z.output<typeof healthView>> {
  if (!(await isDatabaseReachable(db))) {
    const extraFields = { status: 'unhealthy', version }
    refuse('unavailable', { message: 'database_unreachable', retryAfter: 1, extraFields })
  }
  const present = [...causes()]
  const isLocal = deployment.deploymentMode === 'local_trusted'
  const { hasAdministrator, isInvited } = isLocal ? LOCAL : exactlyOne(await db.run(bootstrapState, {}))
  return {
    status: 'ok',
    condition: present.length === 0 ? 'ok' : 'degraded',
    causes: present,
    version,
    ...deployment,
    authReady: true,
    bootstrapStatus: hasAdministrator ? 'ready' : 'bootstrap_pending',
    bootstrapInviteActive: isInvited,
    agentIsolation: { kind: isolation.kind, reason: isolation.reason },
    features: { companyDeletionEnabled: isLocal },
  }
}
