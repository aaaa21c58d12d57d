// Help for a person who has lost the app and the recovery codes, by the holder of the token of the board.

import type { z } from 'zod'
import { changed, mutate } from '../../../platform/db/mutate.ts'
import type { Ctx } from '../../../platform/db/types.ts'
import { refuse } from '../../../platform/kernel/errors.ts'
import { lockPerson } from '../administrators.ts'
import { ofInstance, sessionsEnded } from '../events.ts'
import { endSessionsIn } from '../sessions.ts'
import type { endedView } from '../views.ts'
import { secondFactorRemoved } from './events.ts'
import { deleteFactor } from './store.ts'

/**
 * Takes the second factor off a person, and ends all of its sessions: from then on the password alone signs in.
 * @throws Refusal `not_found` for an unknown person, `second_factor_missing`
 */
export async function removeFactor(ctx: Ctx, userId: string): Promise<z.output<typeof endedView>> {
  return await mutate(ctx, async (tx) => {
    await lockPerson(tx, userId)
    if (!(await deleteFactor(tx, userId))) refuse('second_factor_missing')
    const sessionIds = await endSessionsIn(tx, { userId, onlyId: null, keepId: null })
    const ended =
      sessionIds.length === 0 ? [] : [sessionsEnded(userId, { sessionIds, reason: 'second_factor_changed' as const }, ofInstance)]
    return changed({ success: true as const, ended: sessionIds.length }, secondFactorRemoved(userId, {}, ofInstance), ...ended)
  })
}
