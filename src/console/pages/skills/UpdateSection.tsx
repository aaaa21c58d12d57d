import type { ReactNode } from 'react'
import { inBackground } from '../../api/background.ts'
import { notify } from '../../parts/notices.tsx'
import { Problem } from '../../parts/Problem.tsx'
import { useInstallUpdate, useUpdateStatus } from './data.ts'

/** Whether the folder of a skill has another text by now, and the act that takes it over. */
export function UpdateSection({ skillId }: { readonly skillId: string }): ReactNode {
  const read = useUpdateStatus(skillId, true)
  const install = useInstallUpdate(skillId)
  const status = read.data?.data
  const take = async (): Promise<void> => {
    await install.mutateAsync()
    notify('The skill has the text of its folder')
  }
  return (
    <section className="card" aria-labelledby="source">
      <h2 id="source">Its folder</h2>
      {read.error !== null && <Problem problem={read.error} />}
      {status !== undefined && (
        <p>{status.reason ?? (status.hasUpdate ? 'The folder has another text than the company.' : 'The folder has the same text.')}</p>
      )}
      {install.error !== null && <Problem problem={install.error} />}
      <div className="row">
        {status?.hasUpdate === true && (
          <button type="button" disabled={install.isPending} onClick={() => inBackground(take())}>
            Take the text of the folder
          </button>
        )}
        <button type="button" className="secondary" onClick={() => inBackground(read.refetch())}>
          Look again
        </button>
      </div>
    </section>
  )
}
