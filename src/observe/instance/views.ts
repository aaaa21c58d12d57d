import { z } from 'zod'
import { grantKeys, memberRoles } from '../../platform/kernel/actor.ts'

/** How long backups are kept: all of the last days, then the newest of each week, then of each month. */
const backupRetention = z.strictObject({
  dailyDays: z.int().min(1).max(366),
  weeklyWeeks: z.int().min(0).max(520),
  monthlyMonths: z.int().min(0).max(120),
})

export const generalView = z.strictObject({
  censorUsernameInLogs: z.boolean(),
  keyboardShortcuts: z.boolean(),
  feedbackDataSharingPreference: z.enum(['prompt', 'allowed', 'not_allowed']),
  /** Hours between the backups that servers make; 0 for none. */
  backupEveryHours: z.int().min(0).max(744),
  backupRetention,
})
export const generalBody = generalView.partial()

export const experimentalView = z.strictObject({
  enableIsolatedWorkspaces: z.boolean(),
  autoRestartDevServerWhenIdle: z.boolean(),
})
export const experimentalBody = experimentalView.partial()

/** The identity of a person, for command line clients. */
export const meView = z.strictObject({
  user: z.strictObject({ id: z.string(), name: z.string(), email: z.string().nullable() }).nullable(),
  userId: z.string(),
  isInstanceAdmin: z.boolean(),
  companyIds: z.array(z.uuid()),
  source: z.enum(['local_implicit', 'session', 'board_key']),
  keyId: z.uuid().nullable(),
})

/** A caller, and the reason for it. */
export const whoamiView = z.strictObject({
  kind: z.enum(['board', 'agent', 'anonymous']),
  userId: z.string().nullable(),
  agentId: z.uuid().nullable(),
  companyId: z.uuid().nullable(),
  runId: z.uuid().nullable(),
  credential: z.enum(['none', 'board_token', 'board_cookie', 'session', 'board_key', 'agent_key', 'run_token']),
  /** The account at the other end of a local connection; null where it was not looked up. */
  uid: z.int().nullable(),
  mode: z.enum(['implicit', 'token']),
  reason: z.string(),
  modeReason: z.string(),
  /** The companies of a person, with its rights in each; null for a caller whose rights no role limits, and for agents. */
  memberships: z.array(z.strictObject({ companyId: z.uuid(), role: z.enum(memberRoles), grants: z.array(z.enum(grantKeys)) })).nullable(),
})

/** A one-time link; `path` is below the address of the server. */
export const boardLinkView = z.strictObject({ path: z.string(), expiresAt: z.iso.datetime() })

/** The values of settings that were never changed. */
export const defaultSettings = {
  general: {
    censorUsernameInLogs: false,
    keyboardShortcuts: false,
    feedbackDataSharingPreference: 'prompt',
    backupEveryHours: 24,
    backupRetention: { dailyDays: 7, weeklyWeeks: 4, monthlyMonths: 3 },
  },
  experimental: { enableIsolatedWorkspaces: false, autoRestartDevServerWhenIdle: false },
} as const satisfies { general: z.input<typeof generalView>; experimental: z.input<typeof experimentalView> }

export interface Settings {
  readonly general: z.output<typeof generalView>
  readonly experimental: z.output<typeof experimentalView>
}
