import { useState } from 'react'
import { useAct } from '../../api/acts.ts'
import type { Answer, ApiProblem } from '../../api/client.ts'
import type { IssueDetail } from '../../api/types.ts'
import { notify } from '../../parts/notices.tsx'
import { CHANGED } from './data.ts'
import type { IssueChanges } from './data.ts'
import { saveIssue } from './saving.ts'
import type { Conflict } from './saving.ts'

/** A change that another party's change is in the way of. */
export interface Contest {
  readonly conflict: Conflict
  readonly changes: IssueChanges
}

export interface Save {
  /** Saves a change of the issue as the page shows it, or as the person saw it before. @returns whether it was saved */
  readonly save: (changes: IssueChanges, words: string, seen?: Answer<IssueDetail>) => Promise<boolean>
  /** The change that is being saved now. */
  readonly pending: IssueChanges | null
  readonly problem: ApiProblem | null
  readonly contest: Contest | null
  readonly dismiss: () => void
}

/** Saves changes of an issue, with what stood in the way of the last one. */
export function useSave(issue: Answer<IssueDetail>): Save {
  const [contest, setContest] = useState<Contest | null>(null)
  const act = useAct<{ readonly changes: IssueChanges; readonly seen: Answer<IssueDetail> }, Conflict | null>(
    CHANGED,
    ({ changes, seen }) => saveIssue(seen, changes),
  )
  return {
    async save(changes, words, seen = issue) {
      setContest(null)
      const conflict = await act.mutateAsync({ changes, seen }).catch(() => undefined)
      if (conflict === undefined) return false
      if (conflict === null) notify(words)
      else setContest({ conflict, changes })
      return conflict === null
    },
    pending: act.isPending ? act.variables.changes : null,
    problem: act.error,
    contest,
    dismiss: () => {
      setContest(null)
      act.reset()
    },
  }
}
