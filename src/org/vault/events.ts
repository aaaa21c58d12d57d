import { z } from 'zod'
import { event } from '../../platform/kernel/event.ts'

/** Every data key was wrapped again. The ids say which key it is, and nothing about it. */
export const masterKeyRotated = event(
  'instance.master_key_rotated',
  'instance',
  z.object({ masterKeyId: z.string(), previousMasterKeyId: z.string(), dataKeys: z.number() }),
)
