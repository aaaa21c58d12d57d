import { z } from 'zod'
import { sql } from 'drizzle-orm'
import { onInstance } from '../../auth/scopes.ts'
import { statement } from '../../platform/db/statement.ts'
import { get, patch } from '../../http/route.ts'
import type { Route } from '../../http/route.ts'
import { Refusal } from '../../platform/kernel/errors.ts'
import { readMe } from './me.ts'
import { changeSettings, readSettings } from './settings.ts'
import { experimentalBody, experimentalView, generalBody, generalView, meView } from './views.ts'

const ping = statement<object, { one: number }>('health_ping').read(sql`select 1 as one`)

/** A database that has not said a word within this is away, whatever its port says. */
const PING_TIMEOUT_MS = 800

const healthView = z.strictObject({
  status: z.literal('ok'),
  version: z.string(),
  deploymentMode: z.literal('local_trusted'),
  deploymentExposure: z.literal('private'),
  authReady: z.boolean(),
  bootstrapStatus: z.literal('ready'),
  bootstrapInviteActive: z.boolean(),
  features: z.strictObject({ companyDeletionEnabled: z.boolean() }),
})

/** Routes about the server itself. */
export const instanceRoutes = (version: string): Route[] => [
  get('/api/health', {
    summary: 'Say whether the server and its database answer',
    permission: 'health.read',
    scope: onInstance,
    returns: healthView,
    refuses: ['unavailable'],
    handle: async ({ ctx }) => {
      const unreachable = (): Refusal =>
        new Refusal('unavailable', {
          message: 'database_unreachable',
          retryAfter: 1,
          extraFields: { status: 'unhealthy', version },
        })
      let timer: NodeJS.Timeout | undefined
      const timeout = new Promise<never>((_, reject) => {
        timer = setTimeout(() => reject(unreachable()), PING_TIMEOUT_MS)
      })
      try {
        await Promise.race([ctx.store.read.run(ping, {}), timeout])
      } catch {
        throw unreachable()
      } finally {
        clearTimeout(timer)
      }
      return {
        status: 'ok',
        version,
        deploymentMode: 'local_trusted',
        deploymentExposure: 'private',
        authReady: true,
        bootstrapStatus: 'ready',
        bootstrapInviteActive: false,
        features: { companyDeletionEnabled: true },
      } as const
    },
  }),
  get('/api/cli-auth/me', {
    summary: 'Say who the asking person is',
    permission: 'board.me',
    scope: onInstance,
    returns: meView,
    refuses: [],
    handle: ({ ctx }) => readMe(ctx),
  }),
  get('/api/instance/settings/general', {
    summary: 'Read the general settings of the instance',
    permission: 'instance.settings.read',
    scope: onInstance,
    returns: generalView,
    refuses: [],
    handle: ({ ctx }) => readSettings(ctx.store.read, 'general'),
  }),
  patch('/api/instance/settings/general', {
    summary: 'Change the general settings of the instance',
    permission: 'instance.settings.write',
    scope: onInstance,
    body: generalBody,
    returns: generalView,
    refuses: [],
    handle: ({ ctx, body }) => changeSettings(ctx, 'general', body),
  }),
  get('/api/instance/settings/experimental', {
    summary: 'Read the experimental settings of the instance',
    permission: 'instance.settings.read',
    scope: onInstance,
    returns: experimentalView,
    refuses: [],
    handle: ({ ctx }) => readSettings(ctx.store.read, 'experimental'),
  }),
  patch('/api/instance/settings/experimental', {
    summary: 'Change the experimental settings of the instance',
    permission: 'instance.settings.write',
    scope: onInstance,
    body: experimentalBody,
    returns: experimentalView,
    refuses: [],
    handle: ({ ctx, body }) => changeSettings(ctx, 'experimental', body),
  }),
]
