import { Suspense, useEffect, useState } from 'react'
import type { ReactNode } from 'react'
import { useRead } from '../api/reads.ts'
import type { Company, Whoami } from '../api/types.ts'
import { useKeys } from '../keys/keys.ts'
import { Skeleton } from '../parts/Empty.tsx'
import { Notices } from '../parts/notices.tsx'
import { go, usePlace } from '../router/location.ts'
import { useEvents } from '../stream/useEvents.ts'
import { companyPath, CompanyProvider } from './company.tsx'
import { KeysDialog } from './KeysDialog.tsx'
import { Palette } from './Palette.tsx'
import { entries, Rail } from './Rail.tsx'
import { StreamLine } from './StreamLine.tsx'

/** The letters after `g`, by page. */
const letters: Readonly<Record<string, string>> = {
  overview: 'o',
  issues: 'i',
  locks: 'l',
  runs: 'r',
  agents: 'a',
  approvals: 'p',
  activity: 'c',
  costs: 'm',
  budgets: 'b',
  projects: 'j',
  routines: 't',
  skills: 'k',
  secrets: 'e',
  webhooks: 'w',
  settings: 's',
}

interface FrameProps {
  readonly company: Company
  readonly companies: readonly Company[]
  readonly section: string
  readonly children: ReactNode
}

/** The frame around every page of a company: the rail, the line of the stream, the keys of the whole console. */
export function Frame({ company, companies, section, children }: FrameProps): ReactNode {
  const [open, setOpen] = useState<'keys' | 'palette' | null>(null)
  const { path: here } = usePlace()
  // The address may change under a dialog, by the buttons of the browser.
  useEffect(() => setOpen(null), [here])
  const status = useEvents(company.id)
  const whoami = useRead<Whoami>(['whoami', null], '/whoami').data?.data ?? null
  const base = companyPath(company)
  useKeys('Everywhere', [
    { keys: '?', label: 'List the keys', run: () => setOpen('keys') },
    { keys: 'mod+k', label: 'Find a page, an issue, an agent or a run', run: () => setOpen('palette'), inFields: true },
    ...[...entries, { path: 'settings', name: 'Settings' }].map(({ path, name }) => ({
      keys: `g ${letters[path]}`,
      label: `Go to ${name}`,
      run: () => go(`${base}/${path}`),
    })),
  ])
  return (
    <CompanyProvider company={company}>
      <a className="skip" href="#content">
        Skip to the page
      </a>
      <div className="frame">
        <Rail company={company} companies={companies} whoami={whoami} section={section} onKeys={() => setOpen('keys')} />
        <div className="page">
          <StreamLine status={status} />
          <Suspense fallback={<Skeleton lines={10} />}>{children}</Suspense>
        </div>
      </div>
      <Notices />
      {open === 'keys' && <KeysDialog onClose={() => setOpen(null)} />}
      {open === 'palette' && <Palette companies={companies} onKeys={() => setOpen('keys')} onClose={() => setOpen(null)} />}
    </CompanyProvider>
  )
}
