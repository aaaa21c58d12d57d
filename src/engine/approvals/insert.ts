// The row of an approval that the server itself opens. Requests of people and agents are those of `control/approvals`.

import { createHash, randomUUID } from 'node:crypto'
import { sql } from 'drizzle-orm'
import { approvals } from '../../model/approvals.ts'
import type { ApprovalType } from '../../model/approvalStatus.ts'
import { param, statement } from '../../platform/db/statement.ts'
import type { Tx } from '../../platform/db/types.ts'
import { canonicalJson } from '../../platform/kernel/canonicalJson.ts'

/** SHA-256 of a value in its canonical form, in hexadecimal digits: the name of what a person was shown (I20). */
export const hashOf = (value: unknown): string => createHash('sha256').update(canonicalJson(value)).digest('hex')

interface Row {
  id: string
  companyId: string
  type: ApprovalType
  agentId: string | null
  payload: string
  shownHash: string
}

const insert = statement<Row, never>('approval_open').write(sql`
  insert into ${approvals} (id, company_id, type, requested_by_agent_id, payload, shown_hash)
  values (${param('id')}, ${param('companyId')}, ${param('type')}, ${param('agentId', 'uuid')}, ${param('payload', 'jsonb')}, ${param('shownHash')})`)

/**
 * (tx) Opens an approval that no party requested and that changes the configuration of no agent.
 * @returns its id
 */
export async function insertOpenApproval(
  tx: Tx,
  companyId: string,
  type: ApprovalType,
  payload: Readonly<Record<string, unknown>>,
): Promise<string> {
  const id = randomUUID()
  const shownHash = hashOf({ payload, result: null })
  await tx.run(insert, { id, companyId, type, agentId: null, payload: JSON.stringify(payload), shownHash })
  return id
}
