import { request, segment } from '../../api/client.ts'
import { useAct } from '../../api/acts.ts'
import { usePages, useRead, useReads } from '../../api/reads.ts'
import type { PagesRead } from '../../api/reads.ts'
import type { Activity, HoldDetail, Run, RunEvent } from '../../api/types.ts'
import { useCompany } from '../../frame/company.tsx'
import { LEASES_EVERY_MS } from '../../holding/data.ts'
import { isLive } from '../runs/words.ts'

/** An issue that a run was opened for, holds or has written to. */
export interface RunIssue {
  readonly issueId: string
  readonly identifier: string
  readonly title: string
  readonly status: string
  readonly priority: string
}

/** Issues of a run whose holds are read. Most runs have one. */
const MOST_HOLDS = 20

const runPath = (runId: string): string => `/heartbeat-runs/${segment(runId)}`

/** One run. A live one is read again now and then, because its lease is renewed without an event. */
export const useRun = (runId: string) =>
  useRead<Run>(['run', useCompany().id, runId], runPath(runId), {
    everyMs: (run) => (run !== undefined && isLive(run) ? LEASES_EVERY_MS : null),
  })

/** The issues of a run, those that changed last first. */
export const useRunIssues = (runId: string): readonly RunIssue[] | undefined =>
  useRead<RunIssue[]>(['issue', useCompany().id, runId, 'ofRun'], `${runPath(runId)}/issues`).data?.data

/** The holds of issues, with their histories. */
export function useHolds(issues: readonly RunIssue[]): readonly HoldDetail[] {
  const { id } = useCompany()
  return useReads<HoldDetail>(
    issues.slice(0, MOST_HOLDS).map(({ issueId }) => ({ key: ['holds', id, issueId], path: `/issues/${segment(issueId)}/lock` })),
  )
}

/** The events of a run, in order. */
export const useRunEvents = (runId: string): PagesRead<RunEvent> =>
  usePages<RunEvent>(['runEvents', useCompany().id, runId], `${runPath(runId)}/events`, {}, 200)

/** The audit rows of a run, newest first. */
export function useRunActivity(runId: string): PagesRead<Activity> {
  const { id } = useCompany()
  return usePages<Activity>(['runActivity', id, runId], `/companies/${id}/activity`, { runId }, 50)
}

/** Cancels a run. One that has ended meanwhile is answered as it is. */
export const useCancelRun = (runId: string) =>
  useAct(['run', 'runs', 'holds', 'issue', 'issues', 'agents', 'figures', 'runActivity', 'runEvents'], async (reason: string) => {
    const { data } = await request<Run>('POST', `${runPath(runId)}/cancel`, { body: { reason } })
    return data
  })
