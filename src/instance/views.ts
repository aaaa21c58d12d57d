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

/** What holds until somebody decides otherwise. */
export const defaults = {
  general: { censorUsernameInLogs: false, keyboardShortcuts: false, feedbackDataSharingPreference: 'prompt' },
  experimental: { enableIsolatedWorkspaces: false, autoRestartDevServerWhenIdle: false },
} as const satisfies { general: z.input<typeof generalView>; experimental: z.input<typeof experimentalView> }

export interface Settings {
  readonly general: z.output<typeof generalView>
  readonly experimental: z.output<typeof experimentalView>
}
