import { useEffect, useState } from 'react'
import type { ReactNode } from 'react'
import { AgentStatus } from '../../agentParts/AgentStatus.tsx'
import { isQuarantined, mayRun } from '../../agentParts/agentState.ts'
import { roleName } from '../../agentParts/identity.tsx'
import { PauseDialog, ResumeDialog } from '../../agentParts/PauseDialog.tsx'
import { useAgent } from '../../agentParts/reads.ts'
import type { AgentDetail } from '../../agentParts/reads.ts'
import { WakeDialog } from '../../agentParts/WakeDialog.tsx'
import { inBackground } from '../../api/background.ts'
import { useCompany, useCompanyPath } from '../../frame/company.tsx'
import { useKeys } from '../../keys/keys.ts'
import type { PageProps } from '../../pages.ts'
import { Skeleton } from '../../parts/Empty.tsx'
import { Page } from '../../parts/Page.tsx'
import { Problem } from '../../parts/Problem.tsx'
import { Tabs } from '../../parts/Tabs.tsx'
import { go, usePlace } from '../../router/location.ts'
import { ConfigurationTab } from './ConfigurationTab.tsx'
import { DeleteDialog, QuarantineDialog, ReleaseDialog, TerminateDialog } from './dialogs.tsx'
import { InstructionsTab } from './instructions/InstructionsTab.tsx'
import { KeysTab } from './KeysTab.tsx'
import { NowTab } from './NowTab.tsx'
import { PermissionsTab } from './PermissionsTab.tsx'
import { RevisionsTab } from './RevisionsTab.tsx'
import type { AgentAct, TabProps } from './tab.ts'

/** One agent: its state and its work, its configuration, its keys. */
export default function AgentPage({ params }: PageProps): ReactNode {
  const address = params['agent'] ?? ''
  // Another agent is another page: nothing of the last one may stay.
  return <AgentByAddress key={address} address={address} />
}

function AgentByAddress({ address }: { readonly address: string }): ReactNode {
  const pathOf = useCompanyPath()
  const read = useAgent(useCompany().id, address)
  const agent = read.data?.data
  const isLost = read.error?.status === 404
  const lostId = isLost && agent !== undefined && agent.id !== address ? agent.id : null
  useEffect(() => {
    // A terminated or renamed agent is not found by its short name any more.
    if (lostId !== null) go(`${pathOf(`agents/${lostId}`)}${location.search}`, { replaces: true })
  }, [lostId, pathOf])
  if (agent === undefined || (isLost && lostId === null))
    return (
      <Page title="Agent">
        {read.error === null ? <Skeleton lines={10} /> : <Problem problem={read.error} retry={() => inBackground(read.refetch())} />}
      </Page>
    )
  return <AgentContent agent={agent} />
}

const tabs = [
  { value: '', label: 'Now' },
  { value: 'configuration', label: 'Configuration' },
  { value: 'instructions', label: 'Instructions' },
  { value: 'revisions', label: 'Revisions' },
  { value: 'keys', label: 'Keys' },
  { value: 'permissions', label: 'Permissions' },
]

function AgentContent({ agent }: { readonly agent: AgentDetail }): ReactNode {
  const [open, setOpen] = useState<AgentAct | null>(null)
  const tab = usePlace().query.get('tab') ?? ''
  const isPaused = agent.status === 'paused'
  const isQuarantine = isQuarantined(agent)
  const pauseOrResume = isQuarantine ? 'release' : isPaused ? 'resume' : 'pause'
  const mayPause = agent.status !== 'terminated' && agent.status !== 'pending_approval'
  useKeys(agent.name, [
    { keys: 'w', label: 'Wake now', run: () => mayRun(agent) && setOpen('wake') },
    { keys: 'p', label: 'Pause or resume', run: () => mayPause && setOpen(pauseOrResume) },
  ])
  return (
    <Page title={agent.name} actions={<Acts agent={agent} onOpen={setOpen} />}>
      <p className="agent-line">
        <AgentStatus agent={agent} /> <span>{roleName(agent.role)}</span>
        {agent.title !== null && <span className="soft">{agent.title}</span>}
        <span className="soft mono">{agent.urlKey}</span>
      </p>
      <Tabs tabs={tabs} label="Parts of the agent" />
      {tab === '' && <NowTab agent={agent} onOpen={setOpen} />}
      {tab === 'configuration' && <ConfigurationTab agent={agent} />}
      {tab === 'instructions' && <InstructionsTab agent={agent} />}
      {tab === 'revisions' && <RevisionsTab agent={agent} />}
      {tab === 'keys' && <KeysTab agent={agent} />}
      {tab === 'permissions' && <PermissionsTab agent={agent} />}
      {open !== null && <ActOf act={open} agent={agent} onClose={() => setOpen(null)} />}
    </Page>
  )
}

/** The acts that an operator needs at once. The final ones are at the end of the page. */
function Acts({ agent, onOpen }: TabProps): ReactNode {
  const { status } = agent
  if (status === 'terminated' || status === 'pending_approval') return null
  const button = (act: AgentAct, words: string, keys?: string): ReactNode => (
    <button
      type="button"
      className={act === 'quarantine' ? 'secondary danger' : 'secondary'}
      title={keys === undefined ? undefined : `${words} (${keys})`}
      onClick={() => onOpen(act)}
    >
      {words}
    </button>
  )
  if (isQuarantined(agent)) return button('release', 'End the quarantine', 'p')
  return (
    <>
      {button('quarantine', 'Quarantine')}
      {status === 'paused' ? button('resume', 'Resume', 'p') : button('pause', 'Pause', 'p')}
      {mayRun(agent) && (
        <button type="button" title="Wake now (w)" onClick={() => onOpen('wake')}>
          Wake now
        </button>
      )}
    </>
  )
}

interface ActOfProps {
  readonly act: AgentAct
  readonly agent: AgentDetail
  readonly onClose: () => void
}

function ActOf({ act, agent, onClose }: ActOfProps): ReactNode {
  const shared = { agent, onClose }
  switch (act) {
    case 'wake':
      return <WakeDialog {...shared} />
    case 'pause':
      return <PauseDialog {...shared} />
    case 'resume':
      return <ResumeDialog {...shared} />
    case 'quarantine':
      return <QuarantineDialog {...shared} />
    case 'release':
      return <ReleaseDialog {...shared} />
    case 'terminate':
      return <TerminateDialog {...shared} />
    case 'delete':
      return <DeleteDialog {...shared} />
  }
}
