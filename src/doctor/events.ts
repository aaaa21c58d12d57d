import { z } from 'zod'
import { event } from '../platform/kernel/event.ts'

/** The doctor corrected rows that no request can correct. `check` is the id of the finding. */
export const rowsMended = event('company.rows_mended', 'company', z.object({ check: z.string(), ids: z.array(z.string()) }))
