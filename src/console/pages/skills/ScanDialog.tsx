import type { ReactNode } from 'react'
import { inBackground } from '../../api/background.ts'
import type { ScannedSkills } from '../../api/types.ts'
import { counted } from '../../parts/counted.ts'
import { Dialog } from '../../parts/Dialog.tsx'
import { Problem } from '../../parts/Problem.tsx'
import { VisibleText } from '../../texts/VisibleText.tsx'
import { useScanProjects } from './data.ts'

/** Looks for skills in the folders of the projects, and says what it found. */
export function ScanDialog({ onClose }: { readonly onClose: () => void }): ReactNode {
  const scan = useScanProjects()
  return (
    <Dialog title="Look in the projects" onClose={onClose}>
      <p>
        The server looks in the folders of the projects that the operator allowed for skills, and imports those that it finds. A skill of
        the company with the same name, which came from elsewhere, stays as it is.
      </p>
      <div role="status" aria-label="Found">
        {scan.data !== undefined && <Found scanned={scan.data} />}
      </div>
      {scan.error !== null && <Problem problem={scan.error} />}
      <footer>
        <button type="button" className="secondary" onClick={onClose}>
          Close
        </button>
        <button type="button" data-first="" disabled={scan.isPending} onClick={() => inBackground(scan.mutateAsync())}>
          {scan.data === undefined ? 'Look' : 'Look again'}
        </button>
      </footer>
    </Dialog>
  )
}

function Found({ scanned }: { readonly scanned: ScannedSkills }): ReactNode {
  const { scannedProjects, scannedWorkspaces, imported, updated, skipped, conflicts, warnings } = scanned
  const left = [...skipped, ...conflicts]
  return (
    <>
      <p>
        {counted(scannedWorkspaces, 'folder')} of {counted(scannedProjects, 'project')}: {counted(imported.length, 'skill')} imported,{' '}
        {updated.length} changed.
      </p>
      <ul className="import-warnings">
        {left.map(({ slug, folder, reason }) => (
          <li key={folder}>
            <VisibleText text={slug} />: {reason ?? 'left as it is'}
          </li>
        ))}
        {warnings.map((warning) => (
          <li key={warning}>
            <VisibleText text={warning} />
          </li>
        ))}
      </ul>
    </>
  )
}
