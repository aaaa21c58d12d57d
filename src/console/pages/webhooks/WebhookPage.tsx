import { useState } from 'react'
import type { ReactNode } from 'react'
import { inBackground } from '../../api/background.ts'
import type { Answer } from '../../api/client.ts'
import type { Webhook } from '../../api/types.ts'
import type { PageProps } from '../../pages.ts'
import { Skeleton } from '../../parts/Empty.tsx'
import { Fact, Facts } from '../../parts/Facts.tsx'
import { notify } from '../../parts/notices.tsx'
import { Page } from '../../parts/Page.tsx'
import { Problem } from '../../parts/Problem.tsx'
import { Time } from '../../parts/Time.tsx'
import { useDraft } from '../../parts/useDraft.ts'
import { SaveDraft } from '../../people/SaveDraft.tsx'
import { useChangeWebhook, useWebhook } from './data.ts'
import { Deliveries } from './Deliveries.tsx'
import { Behind, WebhookState } from './WebhookState.tsx'
import { WebhookActs } from './WebhookActs.tsx'
import type { WebhookAct } from './WebhookActs.tsx'
import { fieldsOf, valuesOf, WebhookFields } from './WebhookFields.tsx'
import { stateOf } from './words.ts'

/** One webhook: where it stands, what it has delivered, its fields. */
export default function WebhookPage({ params }: PageProps): ReactNode {
  const read = useWebhook(params['webhook'] ?? '')
  if (read.data === undefined)
    return (
      <Page title="Webhook">
        {read.error === null ? <Skeleton lines={10} /> : <Problem problem={read.error} retry={() => inBackground(read.refetch())} />}
      </Page>
    )
  return <Shown answer={read.data} />
}

/** The host of a URL, short enough for a heading. */
const titleOf = ({ url, description }: Webhook): string => description ?? new URL(url).host

function Shown({ answer }: { readonly answer: Answer<Webhook> }): ReactNode {
  const webhook = answer.data
  const [act, setAct] = useState<WebhookAct | null>(null)
  const button = (kind: WebhookAct['kind'], words: string, isMain = false): ReactNode => (
    <button
      type="button"
      className={isMain ? '' : kind === 'delete' ? 'secondary danger' : 'secondary'}
      onClick={() => setAct({ kind } as WebhookAct)}
    >
      {words}
    </button>
  )
  return (
    <Page
      title={titleOf(webhook)}
      actions={
        <>
          {webhook.status === 'active' && button('disable', 'Disable')}
          {button('delete', 'Delete')}
          {button('rotate', 'New secret')}
          {button('test', 'Send a test')}
          {webhook.status !== 'active' && button('resume', 'Resume', true)}
        </>
      }
    >
      <div className="webhook-columns">
        <div className="stack">
          <State webhook={webhook} />
          <Deliveries webhook={webhook} onReplay={(delivery) => setAct({ kind: 'replay', delivery })} />
        </div>
        <section aria-labelledby="fields">
          <h2 id="fields">What is sent, and where</h2>
          <WebhookForm answer={answer} />
        </section>
      </div>
      {act !== null && <WebhookActs act={act} answer={answer} onClose={() => setAct(null)} />}
    </Page>
  )
}

/** Where a webhook stands, and why. */
function State({ webhook }: { readonly webhook: Webhook }): ReactNode {
  const { status, stoppedAt, lastSuccessAt, lastError, secretVersion, previousSecretUntil } = webhook
  const { why, tone } = stateOf(webhook)
  return (
    <section className={`card webhook-state ${tone === 'bad' ? 'attention' : ''}`} aria-label="Where it stands">
      <p>
        <WebhookState webhook={webhook} />{' '}
        {status !== 'active' && (
          <span className="soft">
            <Time at={stoppedAt} />
          </span>
        )}
      </p>
      {why !== null && <p>{why}</p>}
      <Facts>
        <Fact name="Behind">
          <Behind webhook={webhook} />
        </Fact>
        {lastError !== null && <Fact name="Last error">{lastError}</Fact>}
        <Fact name="Last delivery">
          <Time at={lastSuccessAt} />
        </Fact>
        <Fact name="Secret">
          number {secretVersion}
          {previousSecretUntil !== null && (
            <>
              ; the one before it signs as well, until <Time at={previousSecretUntil} />
            </>
          )}
        </Fact>
      </Facts>
    </section>
  )
}

function WebhookForm({ answer }: { readonly answer: Answer<Webhook> }): ReactNode {
  const draft = useDraft(answer, valuesOf)
  const { id } = answer.data
  const change = useChangeWebhook(id)
  const save = (): void => {
    const onSuccess = (): void => {
      draft.reset()
      notify('The webhook is saved')
    }
    change.mutate({ fields: fieldsOf(draft.values), etag: draft.etag }, { onSuccess })
  }
  return (
    <form
      className="card"
      onSubmit={(event) => {
        event.preventDefault()
        save()
      }}
    >
      <WebhookFields values={draft.values} onChange={draft.set} />
      <SaveDraft draft={draft} act={change} entityType="webhook" entityId={id} />
    </form>
  )
}
