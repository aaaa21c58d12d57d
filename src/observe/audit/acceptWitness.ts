import type { z } from 'zod'
import { changed, mutate } from '../../platform/db/mutate.ts'
import type { Ctx } from '../../platform/db/types.ts'
import { refuse } from '../../platform/kernel/errors.ts'
import { NO_COMPANY } from '../../platform/kernel/event.ts'
import type { Log } from '../../platform/kernel/log.ts'
import { witnessAccepted } from './events.ts'
import { newestOf } from './headHistory.ts'
import { currentHeads, findContradicted } from './headRecorder.ts'
import type { HeadFile } from './heads.ts'
import type { acceptanceView } from './views.ts'
import { createWitness, problemOf, readWitness } from './witness.ts'

/**
 * Accepts the record as it is, after an operator has looked at what its witness found: the present ends of all chains are recorded anew, and heads and
 * problems of before count no longer. The record of it names what was accepted and why; the file keeps the lines of before.
 */
export async function acceptWitness(ctx: Ctx, file: HeadFile, reason: string, log: Log): Promise<z.output<typeof acceptanceView>> {
  const { read } = ctx.store
  const { history, finding, copy, copied, at } = await readWitness(read, file, null)
  const contradicted = await findContradicted(read, [...newestOf(history.heads, (head) => file.isGenuine(head)).values()])
  const marked = history.heads.filter((head) => head.contradicts !== undefined && file.isGenuine(head))
  const heads = await currentHeads(read)
  const accepted = {
    problem: problemOf(history, finding),
    contradictedHeads: new Set([...contradicted.keys(), ...marked.map(({ companyId }) => companyId)]).size,
    heads: heads.length,
  }
  // The row commits first: an acceptance without a row would be worse than a row without an acceptance.
  await mutate(ctx, async () => {
    const details = { reason, ...accepted, keyId: file.keyId(), lines: history.last?.line ?? 0 }
    return changed(accepted, witnessAccepted('audit', details, { companyId: NO_COMPANY }))
  })
  try {
    const after = Math.max(copy?.line ?? 0, copied?.line ?? 0)
    await createWitness(ctx.store, file, log).append([{ note: 'accepted', at, about: JSON.stringify({ reason }) }, ...heads], after)
  } catch (error) {
    log.error({ err: error }, 'the record was accepted, but the file of heads cannot be written')
    refuse('unavailable', { message: 'The file of heads cannot be written: the record is not accepted', retryAfter: 1 })
  }
  file.state.doubt = null
  file.state.acceptances += 1
  return accepted
}
