import type { ReactNode } from 'react'
import { inBackground } from '../../api/background.ts'
import type { Health, Whoami } from '../../api/types.ts'
import { ThemeSwitch } from '../../frame/ThemeSwitch.tsx'
import { Skeleton } from '../../parts/Empty.tsx'
import { Fact, Facts } from '../../parts/Facts.tsx'
import { Problem } from '../../parts/Problem.tsx'
import { Status, wordsOf } from '../../parts/Status.tsx'
import { useHealth, useWhoami } from './data.ts'
import { GeneralSettings } from './GeneralSettings.tsx'

/** The server: how it is, how it is set up, and who the caller is for it. */
export function InstanceTab(): ReactNode {
  const health = useHealth()
  const whoami = useWhoami()
  return (
    <div className="settings-columns">
      <div className="stack">
        <section aria-labelledby="health">
          <h2 id="health">Health</h2>
          {health.error !== null && <Problem problem={health.error} retry={() => inBackground(health.refetch())} />}
          {health.data === undefined ? health.error === null && <Skeleton lines={4} /> : <HealthCard health={health.data.data} />}
        </section>
        <section aria-labelledby="who">
          <h2 id="who">Who you are</h2>
          {whoami.data !== undefined && <WhoCard whoami={whoami.data.data} />}
        </section>
      </div>
      <div className="stack">
        <section aria-labelledby="general">
          <h2 id="general">General settings</h2>
          <GeneralSettings />
        </section>
        <section aria-labelledby="browser">
          <h2 id="browser">This browser</h2>
          <div className="card">
            <p>The theme is kept in this browser.</p>
            <ThemeSwitch />
          </div>
        </section>
      </div>
    </div>
  )
}

function HealthCard({ health }: { readonly health: Health }): ReactNode {
  const { condition, causes, version, deploymentMode, deploymentExposure, agentIsolation } = health
  return (
    <div className="card">
      <Facts>
        <Fact name="Condition">
          <Status of={condition} tone={condition === 'ok' ? 'good' : 'bad'} words={condition} />
          {causes.length > 0 && `: ${causes.map(wordsOf).join(', ')}`}
        </Fact>
        <Fact name="Version">{version}</Fact>
        <Fact name="People">
          {deploymentMode === 'authenticated' ? 'sign in with accounts' : 'do not sign in: the board is this machine'} (
          <span className="mono">{deploymentMode}</span>, {deploymentExposure})
        </Fact>
        <Fact name="Agents that run here">
          {agentIsolation.kind === 'none' ? 'are not kept from the server' : `are kept from the server by ${agentIsolation.kind}`}:{' '}
          {agentIsolation.reason}
        </Fact>
        <Fact name="More">
          <a href="/api/docs/">The document of the API</a>
        </Fact>
      </Facts>
    </div>
  )
}

const WhoCard = ({ whoami }: { readonly whoami: Whoami }): ReactNode => (
  <div className="card">
    <Facts>
      <Fact name="You are">{whoami.userId === 'local-board' ? 'the local board' : (whoami.userId ?? wordsOf(whoami.kind))}</Fact>
      <Fact name="Because">{whoami.reason}</Fact>
      <Fact name="Credential">{wordsOf(whoami.credential)}</Fact>
      <Fact name="The board needs">
        {whoami.mode === 'token' ? 'its token' : 'no token from the account of the server'}: {whoami.modeReason}
      </Fact>
    </Facts>
  </div>
)
