import { currentHeads, verifyChain } from '../observe/audit/index.ts'
import type { ReadDb } from '../platform/db/types.ts'
import { startProblem } from '../platform/kernel/startProblem.ts'
import type { Contents } from './format.ts'

/** The audit chains of a restored database. */
export interface CheckedChains {
  readonly chains: number
  readonly sealedRows: number
}

/**
 * Computes every audit chain of a restored database again, and compares their ends with those that the backup names.
 * @throws an error with a sentence for the operator when one is broken or ends elsewhere
 */
export async function checkChains(db: Pick<ReadDb, 'run'>, { heads: expected }: Pick<Contents, 'heads'>): Promise<CheckedChains> {
  const found = new Map((await currentHeads(db)).map(({ companyId, position, hash }) => [companyId, { position, hash }]))
  let sealedRows = 0
  for (const { companyId, position, hash } of expected) {
    const head = found.get(companyId)
    if (head?.position !== position || head.hash !== hash) throw broken(companyId, `it does not end at position ${position} with ${hash}`)
    const { ok, firstBroken } = await verifyChain(db, companyId, null)
    if (!ok) throw broken(companyId, `position ${firstBroken?.position ?? 0} is ${firstBroken?.kind ?? 'not as it was'}`)
    sealedRows += position
  }
  if (found.size !== expected.length) throw startProblem('The database has audit chains that the backup does not name')
  return { chains: expected.length, sealedRows }
}

const broken = (companyId: string, how: string): Error =>
  startProblem(`The audit chain of company ${companyId} is broken in this backup: ${how}. It was so when the backup was taken`)
