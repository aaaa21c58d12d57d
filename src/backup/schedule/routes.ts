import { onInstance } from '../../auth/scopes.ts'
import { get, post } from '../../http/route.ts'
import type { Route } from '../../http/route.ts'
import { requestBackup } from './request.ts'
import { listBackups } from './rows.ts'
import { backupView } from './views.ts'

/** Routes of the backups that servers make. */
export const backupRoutes: readonly Route[] = [
  get('/api/instance/backups', {
    summary: 'List the newest backups that servers made',
    permission: 'instance.backups',
    scope: onInstance,
    returns: backupView.array(),
    refuses: [],
    handle: ({ ctx }) => listBackups(ctx.store.read),
  }),
  post('/api/instance/backups', {
    summary: 'Make a backup now',
    permission: 'instance.backups',
    scope: onInstance,
    status: 202,
    returns: backupView,
    refuses: [],
    handle: ({ ctx }) => requestBackup(ctx),
  }),
]
