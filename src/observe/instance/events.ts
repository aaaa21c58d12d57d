import { z } from 'zod'
import { event } from '../../platform/kernel/event.ts'

const changed = z.object({ changedKeys: z.array(z.string()), _previous: z.record(z.string(), z.unknown()) }).catchall(z.unknown())

/** A one-time link that lets a browser in as the board was made. */
export const boardLinkCreated = event('board.link_created', 'instance', z.object({ expiresAt: z.string() }))

export const generalUpdated = event('instance.settings.general_updated', 'instance', changed)
export const experimentalUpdated = event('instance.settings.experimental_updated', 'instance', changed)
