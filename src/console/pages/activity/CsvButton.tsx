import { useState } from 'react'
import type { ReactNode } from 'react'
import { inBackground } from '../../api/background.ts'
import type { ApiProblem } from '../../api/client.ts'
import type { Activity } from '../../api/types.ts'
import { useCompany } from '../../frame/company.tsx'
import { counted } from '../../parts/counted.ts'
import { csvOf, download } from '../../parts/csv.ts'
import { notify } from '../../parts/notices.tsx'
import { Problem } from '../../parts/Problem.tsx'
import { formatNumber } from '../../parts/time.ts'
import { fileColumns } from './fileColumns.ts'
import { MAX_FILE_ROWS, readAll } from './data.ts'
import { dayOf } from './filters.ts'
import type { Filter } from './filters.ts'
import { learnIssues } from './names.ts'
import type { NameOf } from './sentences.ts'

/** Gives all rows of the filter as a file, not only those that are loaded. */
export function CsvButton({ filter, nameOf }: { readonly filter: Filter; readonly nameOf: NameOf }): ReactNode {
  const { id, issuePrefix } = useCompany()
  const [progress, setProgress] = useState<number | null>(null)
  const [problem, setProblem] = useState<ApiProblem | null>(null)
  const make = async (): Promise<void> => {
    setProblem(null)
    setProgress(0)
    try {
      const rows: readonly Activity[] = await readAll(id, filter, setProgress)
      await learnIssues(rows)
      const name = filter.preset.value === '' ? 'activity' : filter.preset.value
      download(`${issuePrefix}-${name}-${dayOf(new Date().toISOString())}.csv`, csvOf(rows, fileColumns(nameOf)))
      const isCut = rows.length >= MAX_FILE_ROWS
      notify(
        `${counted(rows.length, 'row is', 'rows are')} in the file${isCut ? '; older ones are not, choose fewer by the filters' : ''}.`,
      )
    } catch (error) {
      setProblem(error as ApiProblem)
    }
    setProgress(null)
  }
  return (
    <>
      {problem !== null && <Problem problem={problem} />}
      <button type="button" className="secondary" disabled={progress !== null} onClick={() => inBackground(make())}>
        {progress === null ? 'CSV' : `CSV: ${formatNumber(progress)} rows`}
        <span className="hidden"> of {filter.preset.value === '' ? 'the rows' : filter.preset.value}</span>
      </button>
    </>
  )
}
