import { z } from 'zod'
import { onInstance } from '../../auth/scopes.ts'
import { post } from '../../http/route.ts'
import { rotateMasterKey } from './rotate.ts'

const masterKeyRotationView = z.strictObject({ masterKeyId: z.string(), dataKeys: z.int() })

export const vaultRoutes = [
  post('/api/instance/secrets/rotate-master-key', {
    summary: 'Rotate the master key of secrets',
    permission: 'instance.masterKey',
    scope: onInstance,
    body: z.object({}),
    bodyOptional: true,
    returns: masterKeyRotationView,
    refuses: ['vault_locked'],
    handle: ({ ctx }) => rotateMasterKey(ctx),
  }),
]
