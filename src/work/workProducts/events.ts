import { z } from 'zod'
import { event } from '../../platform/kernel/event.ts'

/** The details of a work product in an audit row, without its texts, its URL and its metadata. */
const product = z.object({
  workProductId: z.string(),
  type: z.string(),
  provider: z.string(),
  title: z.string(),
  status: z.string(),
  reviewState: z.string(),
  healthStatus: z.string(),
  isPrimary: z.boolean(),
})
/** The previous primary work product. */
const demoted = z.string().nullable()

export const workProductCreated = event('issue.work_product_created', 'issue', product.extend({ demotedWorkProductId: demoted }))
export const workProductUpdated = event(
  'issue.work_product_updated',
  'issue',
  product.extend({ changedKeys: z.array(z.string()), demotedWorkProductId: demoted }),
)
export const workProductDeleted = event('issue.work_product_deleted', 'issue', product)
