import { useState } from 'react'
import type { ReactNode } from 'react'
import { inBackground } from '../../api/background.ts'
import type { Webhook } from '../../api/types.ts'
import { useCompanyPath } from '../../frame/company.tsx'
import { useListKeys } from '../../keys/useListKeys.ts'
import { DataTable } from '../../parts/DataTable.tsx'
import type { Column } from '../../parts/DataTable.tsx'
import { Empty, Skeleton } from '../../parts/Empty.tsx'
import { Page } from '../../parts/Page.tsx'
import { Problem } from '../../parts/Problem.tsx'
import { Time } from '../../parts/Time.tsx'
import { go } from '../../router/location.ts'
import { Link } from '../../router/Link.tsx'
import { useWebhooks } from './data.ts'
import { NewWebhook } from './NewWebhook.tsx'
import { ShownSecret } from './ShownSecret.tsx'
import { Behind, WebhookState } from './WebhookState.tsx'
import { inOrder, stateOf } from './words.ts'

/** The webhooks of the company: where its events are sent. Those that need a person come first. */
export default function WebhooksPage(): ReactNode {
  const pathOf = useCompanyPath()
  const read = useWebhooks()
  const [isCreating, setCreating] = useState(false)
  // The secret of a new webhook is here until its dialog is closed, and nowhere else.
  const [secret, setSecret] = useState<string | null>(null)
  const webhooks = inOrder(read.data?.data ?? [])
  const { at } = useListKeys({
    title: 'Webhooks',
    count: webhooks.length,
    rowKeys: webhooks.map(({ id }) => id),
    onOpen: (index) => {
      const webhook = webhooks[index]
      if (webhook !== undefined) go(pathOf(`webhooks/${webhook.id}`))
    },
    more: [{ keys: 'n', label: 'New webhook', run: () => setCreating(true) }],
  })
  return (
    <Page
      title="Webhooks"
      actions={
        <button type="button" title="New webhook (n)" onClick={() => setCreating(true)}>
          New webhook
        </button>
      }
    >
      {read.error !== null && <Problem problem={read.error} retry={() => inBackground(read.refetch())} />}
      {read.data === undefined ? (
        read.error === null && <Skeleton lines={6} />
      ) : webhooks.length === 0 ? (
        <Empty title="There is no webhook yet.">
          <p>A webhook sends the events of the company to another program: signed, in their order, and again until they are received.</p>
        </Empty>
      ) : (
        <>
          <Stopped webhooks={webhooks} />
          <DataTable name="Webhooks" rows={webhooks} columns={columnsOf(pathOf)} keyOf={({ id }) => id} cursor={at} />
        </>
      )}
      {isCreating && <NewWebhook onMade={({ secret: made }) => setSecret(made)} onClose={() => setCreating(false)} />}
      {secret !== null && <ShownSecret secret={secret} onClose={() => setSecret(null)} />}
    </Page>
  )
}

/** The webhooks that the server has given up, with the reason of each. */
function Stopped({ webhooks }: { readonly webhooks: readonly Webhook[] }): ReactNode {
  const pathOf = useCompanyPath()
  const stopped = webhooks.filter((webhook) => stateOf(webhook).tone === 'bad')
  if (stopped.length === 0) return null
  return (
    <section className="webhooks-stopped" aria-labelledby="stopped">
      <h2 id="stopped">Stopped</h2>
      <ul>
        {stopped.map((webhook) => (
          <li key={webhook.id}>
            <Link to={pathOf(`webhooks/${webhook.id}`)}>{webhook.description ?? webhook.url}</Link> {stateOf(webhook).why}{' '}
            <span className="soft">
              <Time at={webhook.stoppedAt} />
            </span>
          </li>
        ))}
      </ul>
    </section>
  )
}

const columnsOf = (pathOf: (path: string) => string): readonly Column<Webhook>[] => [
  {
    key: 'url',
    title: 'URL',
    width: '30%',
    cell: ({ id, url }) => (
      <Link to={pathOf(`webhooks/${id}`)} title={url}>
        {url}
      </Link>
    ),
  },
  { key: 'state', title: 'Status', width: '120px', cell: (webhook) => <WebhookState webhook={webhook} /> },
  { key: 'behind', title: 'Behind', width: '250px', cell: (webhook) => <Behind webhook={webhook} /> },
  {
    key: 'events',
    title: 'Events',
    isSecondary: true,
    cell: ({ events }) => (events.includes('*') ? 'all' : <span title={events.join(', ')}>{events.join(', ')}</span>),
  },
  {
    key: 'description',
    title: 'Description',
    isSecondary: true,
    cell: ({ description }) => (description === null ? <span className="soft">none</span> : <span title={description}>{description}</span>),
  },
  { key: 'success', title: 'Last delivery', width: '120px', cell: ({ lastSuccessAt }) => <Time at={lastSuccessAt} /> },
]
