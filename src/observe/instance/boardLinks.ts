import type { z } from 'zod'
import type { BoardAccess } from '../../auth/boardAccess.ts'
import { changed, mutate } from '../../platform/db/mutate.ts'
import type { Ctx } from '../../platform/db/types.ts'
import { NO_COMPANY } from '../../platform/kernel/event.ts'
import { boardLinkCreated } from './events.ts'
import { signInPath } from './signIn.ts'
import type { boardLinkView } from './views.ts'

/** Makes a one-time link that lets one browser in as the board. The record has its end and not its code. */
export async function createBoardLink(ctx: Ctx, access: BoardAccess): Promise<z.output<typeof boardLinkView>> {
  return await mutate(ctx, async () => {
    const { code, expiresAtMs } = access.sessions.createLink()
    const expiresAt = new Date(expiresAtMs).toISOString()
    return changed({ path: signInPath(code), expiresAt }, boardLinkCreated('board', { expiresAt }, { companyId: NO_COMPANY }))
  })
}
