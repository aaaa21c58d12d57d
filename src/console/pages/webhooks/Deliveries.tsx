import { useState } from 'react'
import type { ReactNode } from 'react'
import { inBackground } from '../../api/background.ts'
import type { Webhook, WebhookDelivery } from '../../api/types.ts'
import { DataTable } from '../../parts/DataTable.tsx'
import type { Column } from '../../parts/DataTable.tsx'
import { Empty, Skeleton } from '../../parts/Empty.tsx'
import { Problem } from '../../parts/Problem.tsx'
import { Status } from '../../parts/Status.tsx'
import { formatNumber } from '../../parts/time.ts'
import { Time } from '../../parts/Time.tsx'
import { useDeliveries } from './data.ts'
import { DeliveryDrawer } from './DeliveryDrawer.tsx'
import { outcomeOf } from './words.ts'

const FEW = 50
const MOST = 500

interface DeliveriesProps {
  readonly webhook: Webhook
  /** Asks whether everything after a delivery is to be delivered again. */
  readonly onReplay: (delivery: WebhookDelivery) => void
}

/** The attempts to deliver, newest first: what was answered, and how long it took. */
export function Deliveries({ webhook, onReplay }: DeliveriesProps): ReactNode {
  const [limit, setLimit] = useState(FEW)
  const [looked, setLooked] = useState<WebhookDelivery | null>(null)
  const read = useDeliveries(webhook.id, limit)
  const deliveries = read.data?.data
  return (
    <section aria-labelledby="deliveries">
      <h2 id="deliveries">Deliveries</h2>
      {read.error !== null && <Problem problem={read.error} retry={() => inBackground(read.refetch())} />}
      {deliveries === undefined ? (
        read.error === null && <Skeleton lines={4} />
      ) : deliveries.length === 0 ? (
        <Empty title="Nothing was delivered yet." />
      ) : (
        <DataTable name="Deliveries" rows={deliveries} columns={columnsOf(setLooked)} keyOf={({ id }) => String(id)} />
      )}
      {read.data?.next !== undefined && read.data.next !== null && limit === FEW && (
        <button type="button" className="secondary webhook-more" onClick={() => setLimit(MOST)}>
          Show up to {MOST} deliveries
        </button>
      )}
      {looked !== null && (
        <DeliveryDrawer
          delivery={looked}
          onReplay={() => {
            setLooked(null)
            onReplay(looked)
          }}
          onClose={() => setLooked(null)}
        />
      )}
    </section>
  )
}

const columnsOf = (onLook: (delivery: WebhookDelivery) => void): readonly Column<WebhookDelivery>[] => [
  {
    key: 'event',
    title: 'Event',
    width: '24%',
    cell: (delivery) => (
      <button type="button" className="quiet webhook-event" title={delivery.event} onClick={() => onLook(delivery)}>
        {delivery.event}
      </button>
    ),
  },
  {
    key: 'outcome',
    title: 'Answer',
    width: '150px',
    cell: (delivery) => <Status of="delivery" {...outcomeOf(delivery)} />,
  },
  { key: 'ms', title: 'ms', width: '72px', isNumber: true, cell: ({ durationMs }) => formatNumber(durationMs) },
  { key: 'attempt', title: 'Attempt', width: '72px', isNumber: true, isSecondary: true, cell: ({ attempt }) => attempt },
  {
    key: 'answer',
    title: 'It said',
    isSecondary: true,
    cell: ({ answer, error }) => (
      <span title={answer ?? error ?? undefined}>{answer ?? error ?? <span className="soft">nothing</span>}</span>
    ),
  },
  { key: 'at', title: 'When', width: '110px', cell: ({ createdAt }) => <Time at={createdAt} /> },
]
