// A change of many rows, one request for each of them: there is no transaction over all.

import { useQueryClient } from '@tanstack/react-query'
import type { QueryClient } from '@tanstack/react-query'
import { useEffect, useRef, useState } from 'react'
import { inBackground } from '../../api/background.ts'
import type { ApiProblem } from '../../api/client.ts'
import { newKey } from '../../api/idempotency.ts'
import { inTurns } from '../../api/inTurns.ts'
import { changeIssue, presentRow, refreshIssues } from './data.ts'
import { patchOf } from './changes.ts'
import type { ManyChange } from './changes.ts'
import type { EditField } from './edits.tsx'
import type { IssueRow } from './filters.ts'

/** The changes that can be made on many rows. */
export type BulkField = EditField | 'project' | 'labels' | 'cancel'

/** How far the change of one row has come. */
export interface RowProgress {
  /** The row as it is now, as far as known: a refusal may have brought it. */
  readonly row: IssueRow
  readonly state: 'waiting' | 'working' | 'changed' | 'refused'
  readonly problem: ApiProblem | null
}

export interface BulkRun {
  readonly rows: readonly RowProgress[]
  readonly isRunning: boolean
  /** Changes the rows that wait, in their order. */
  readonly start: (rows: readonly IssueRow[], change: ManyChange) => void
  /** Changes those again that were refused, each as it is now. */
  readonly retry: () => void
  /** Sends no further requests. */
  readonly stop: () => void
}

/** Requests that are on their way at the same time. */
const AT_ONCE = 4
/** Renderings are this far apart, however fast the answers come. */
const SHOWN_EVERY_MS = 120

interface Job {
  readonly change: ManyChange
  /** One for each row, and the same one when it is tried again: a change whose answer was lost has its effect once. */
  readonly keys: Map<string, string>
  readonly progress: Map<string, RowProgress>
  isStopped: boolean
}

const keyFor = ({ keys }: Job, id: string): string => {
  const key = keys.get(id) ?? newKey()
  keys.set(id, key)
  return key
}

/** Changes one row, and notes what came of it. */
async function changeOne(queries: QueryClient, companyId: string, job: Job, row: IssueRow): Promise<void> {
  job.progress.set(row.id, { row, state: 'working', problem: null })
  const patch = patchOf(row, job.change)
  try {
    if (patch !== null) await changeIssue(queries, companyId, row, { patch, idempotencyKey: keyFor(job, row.id) })
    job.progress.set(row.id, { row, state: 'changed', problem: null })
  } catch (error) {
    const problem = error as ApiProblem
    job.progress.set(row.id, { row: { ...row, ...presentRow(problem) }, state: 'refused', problem })
  }
}

/** Lets the refused rows wait again. */
function forgetRefusals({ progress }: Job): void {
  for (const [id, { row, state }] of progress) if (state === 'refused') progress.set(id, { row, state: 'waiting', problem: null })
}

/** Changes many rows, and shows how far it is. */
export function useBulkRun(companyId: string): BulkRun {
  const queries = useQueryClient()
  const job = useRef<Job | null>(null)
  const [rows, setRows] = useState<readonly RowProgress[]>([])
  const [isRunning, setRunning] = useState(false)
  const show = (): void => setRows([...(job.current?.progress.values() ?? [])])
  useEffect(
    () => () => {
      if (job.current !== null) job.current.isStopped = true
    },
    [],
  )
  const work = async (now: Job): Promise<void> => {
    setRunning(true)
    now.isStopped = false
    const timer = setInterval(show, SHOWN_EVERY_MS)
    const waiting = [...now.progress.values()].filter(({ state }) => state === 'waiting').map(({ row }) => row)
    await inTurns(
      waiting,
      AT_ONCE,
      (row) => changeOne(queries, companyId, now, row),
      () => !now.isStopped,
    )
    clearInterval(timer)
    show()
    setRunning(false)
    refreshIssues(queries)
  }
  return {
    rows,
    isRunning,
    start: (given, change) => {
      const progress = new Map(given.map((row) => [row.id, { row, state: 'waiting', problem: null } as RowProgress]))
      job.current = { change, keys: new Map(), progress, isStopped: false }
      show()
      inBackground(work(job.current))
    },
    retry: () => {
      const now = job.current
      if (now === null) return
      forgetRefusals(now)
      show()
      inBackground(work(now))
    },
    stop: () => {
      if (job.current !== null) job.current.isStopped = true
    },
  }
}
