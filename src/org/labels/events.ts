import { z } from 'zod'
import { event } from '../../platform/kernel/event.ts'

const label = z.object({ name: z.string(), color: z.string() })

export const labelCreated = event('label.created', 'label', label)
export const labelDeleted = event('label.deleted', 'label', label.extend({ issues: z.number() }))
