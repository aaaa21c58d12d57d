import type { ReactNode } from 'react'
import type { AgentDetail } from '../../agentParts/reads.ts'
import { useCompanyPath } from '../../frame/company.tsx'
import { ActDialog } from '../../parts/ActDialog.tsx'
import { notify } from '../../parts/notices.tsx'
import { go, usePlace } from '../../router/location.ts'
import { jsonText, TextDiff } from '../../texts/TextDiff.tsx'
import type { Editable } from './configuration.ts'
import { useConfigure } from './data.ts'
import type { ConfigurationChange } from './data.ts'

interface ReviewDialogProps {
  readonly agent: AgentDetail
  readonly change: ConfigurationChange
  /** The configuration after it. */
  readonly next: Editable
  readonly onSaved: () => void
  readonly onClose: () => void
}

/** Shows the resulting difference of a change of the configuration, and makes it. */
export function ReviewDialog({ agent, change, next, onSaved, onClose }: ReviewDialogProps): ReactNode {
  const configure = useConfigure(agent)
  const pathOf = useCompanyPath()
  const { query } = usePlace()
  return (
    <ActDialog
      title={`Change the configuration of ${agent.name}`}
      confirm="Save the change"
      onClose={onClose}
      act={async () => {
        const { name, urlKey, warnings = [] } = await configure.mutateAsync(change)
        onSaved()
        notify(`The configuration of ${name} is changed`)
        const [warning] = warnings
        if (warning !== undefined) notify(`Its next run may not start: ${warning.message}`)
        // Another name has another address.
        if (urlKey !== agent.urlKey) go(`${pathOf(`agents/${urlKey}`)}?${query.toString()}`, { replaces: true })
      }}
    >
      <p>Runs that are at work go on with what they began with; the next run has the new configuration.</p>
      <TextDiff name="The change" before={jsonText(change.base.editable)} after={jsonText(next)} />
    </ActDialog>
  )
}
