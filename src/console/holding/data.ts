// The reads and the act about holds that several pages share.

import type { UseQueryResult } from '@tanstack/react-query'
import { request, segment } from '../api/client.ts'
import type { Answer, ApiProblem } from '../api/client.ts'
import { useRead } from '../api/reads.ts'
import type { ForceReleased, Hold, HoldDetail } from '../api/types.ts'
import { useCompany } from '../frame/company.tsx'

/** Heartbeats write no event, so the leases that are shown are read again in this interval. */
export const LEASES_EVERY_MS = 10_000

/** The hold of one issue with its history. */
export function useHold(issueId: string): UseQueryResult<Answer<HoldDetail>, ApiProblem> {
  return useRead<HoldDetail>(['holds', useCompany().id, issueId], `/issues/${segment(issueId)}/lock`, { everyMs: LEASES_EVERY_MS })
}

/** The order to end one hold. */
export interface ReleaseOrder {
  readonly issueId: string
  /** The holder that the person has seen; another one is refused. */
  readonly expectedRunId: string | null
  readonly reason: string
  readonly cancelsRun: boolean
  readonly clearsAssignee: boolean
}

const path = (issueId: string): string => `/issues/${segment(issueId)}/admin/force-release`

/** Asks the server for what a force-release would do now. Nothing is written. */
export async function previewRelease(
  { issueId, cancelsRun, clearsAssignee }: Pick<ReleaseOrder, 'issueId' | 'cancelsRun' | 'clearsAssignee'>,
  signal: AbortSignal,
): Promise<ForceReleased> {
  const query = { dryRun: true, clearAssignee: clearsAssignee }
  return (await request<ForceReleased>('POST', path(issueId), { query, body: { cancelRun: cancelsRun }, signal })).data
}

/** Ends the hold. @param idempotencyKey the same for a repetition of the same order */
export async function sendRelease(order: ReleaseOrder, idempotencyKey: string): Promise<ForceReleased> {
  const { issueId, expectedRunId, reason, cancelsRun, clearsAssignee } = order
  const body = { reason, cancelRun: cancelsRun, ...(expectedRunId === null ? {} : { expectedRunId }) }
  const query = { clearAssignee: clearsAssignee }
  return (await request<ForceReleased>('POST', path(issueId), { query, body, idempotencyKey })).data
}

/** Every hold of the company, also beyond the first page of the list: the held issues are few. */
export async function readAllHolds(companyId: string, signal: AbortSignal): Promise<Hold[]> {
  const holds: Hold[] = []
  let after: string | null = null
  do {
    const page: Answer<Hold[]> = await request<Hold[]>('GET', `/companies/${companyId}/locks`, { query: { limit: 1000, after }, signal })
    holds.push(...page.data)
    after = page.next
  } while (after !== null)
  return holds
}
