import { z } from 'zod'

export const generalView = z.strictObject({
  censorUsernameInLogs: z.boolean(),
  keyboardShortcuts: z.boolean(),
  feedbackDataSharingPreference: z.enum(['prompt', 'allowed', 'not_allowed']),
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

/** The values of settings that were never changed. */
export const defaultSettings = {
  general: { censorUsernameInLogs: false, keyboardShortcuts: false, feedbackDataSharingPreference: 'prompt' },
  experimental: { enableIsolatedWorkspaces: false, autoRestartDevServerWhenIdle: false },
} as const satisfies { general: z.input<typeof generalView>; experimental: z.input<typeof experimentalView> }

export interface Settings {
  readonly general: z.output<typeof generalView>
  readonly experimental: z.output<typeof experimentalView>
}
