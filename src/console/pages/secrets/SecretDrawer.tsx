import type { ReactNode } from 'react'
import { inBackground } from '../../api/background.ts'
import type { Secret, SecretUsage } from '../../api/types.ts'
import { useCompanyPath } from '../../frame/company.tsx'
import { Dialog } from '../../parts/Dialog.tsx'
import { Skeleton } from '../../parts/Empty.tsx'
import { Fact, Facts } from '../../parts/Facts.tsx'
import { Problem } from '../../parts/Problem.tsx'
import { Time } from '../../parts/Time.tsx'
import { Link } from '../../router/Link.tsx'
import { useNames } from '../activity/names.ts'
import { useUsage } from './data.ts'
import { Users } from './Users.tsx'
import { providerWords, usersOf } from './words.ts'

interface SecretDrawerProps {
  readonly secret: Secret
  readonly onClose: () => void
}

/** All that is known of one secret, but its value. */
export function SecretDrawer({ secret, onClose }: SecretDrawerProps): ReactNode {
  const read = useUsage(secret.id)
  const { provider, externalRef, description, createdAt, updatedAt } = secret
  return (
    <Dialog title={secret.name} kind="drawer" onClose={onClose}>
      <div className="stack">
        {description !== null && <p className="secret-text">{description}</p>}
        <Facts>
          <Fact name="Kept in">{providerWords(provider)}</Fact>
          {externalRef !== null && (
            <Fact name="Named there">
              <code>{externalRef}</code>
            </Fact>
          )}
          <Fact name="Id">
            <code>{secret.id}</code>
          </Fact>
          <Fact name="Made">
            <Time at={createdAt} />
          </Fact>
          <Fact name="Changed">
            <Time at={updatedAt} />
          </Fact>
        </Facts>
        {read.error !== null && <Problem problem={read.error} retry={() => inBackground(read.refetch())} />}
        {read.data === undefined ? read.error === null && <Skeleton lines={4} /> : <Usage usage={read.data.data} secret={secret} />}
      </div>
    </Dialog>
  )
}

const noRows: readonly never[] = []

function Usage({ usage, secret }: { readonly usage: SecretUsage; readonly secret: Secret }): ReactNode {
  const { uses, hasMoreUses, lastRead, versions } = usage
  const pathOf = useCompanyPath()
  const nameOf = useNames(noRows)
  const users = usersOf(uses)
  return (
    <>
      <section aria-labelledby="secret-used">
        <h3 id="secret-used">Used by</h3>
        {users.length === 0 ? <p className="soft">Nothing refers to it.</p> : <Users users={users} />}
        {hasMoreUses && <p className="soft">Only the first are shown: more refer to it.</p>}
      </section>
      <section aria-labelledby="secret-read">
        <h3 id="secret-read">Last read</h3>
        {lastRead === null ? (
          <p className="soft">No run was given it yet.</p>
        ) : (
          <p>
            <Time at={lastRead.at} />, version {lastRead.version}
            {lastRead.agentId !== null && (
              <>
                , by <Link to={pathOf(`agents/${lastRead.agentId}`)}>{nameOf({ kind: 'agent', id: lastRead.agentId }) ?? 'an agent'}</Link>
              </>
            )}
            {lastRead.runId !== null && (
              <>
                {' '}
                in its run{' '}
                <Link className="mono" to={pathOf(`runs/${lastRead.runId}`)}>
                  {lastRead.runId.slice(0, 8)}
                </Link>
              </>
            )}
            . <Link to={pathOf(`activity?entityType=secret&entityId=${secret.id}`)}>Every read</Link>
          </p>
        )}
      </section>
      <section aria-labelledby="secret-versions">
        <h3 id="secret-versions">Versions</h3>
        <ol className="secret-versions">
          {versions.map(({ version, createdAt }) => (
            <li key={version}>
              <strong>{version}</strong>
              <Time at={createdAt} />
              {version === secret.latestVersion && <span className="soft">the latest</span>}
            </li>
          ))}
        </ol>
      </section>
    </>
  )
}
