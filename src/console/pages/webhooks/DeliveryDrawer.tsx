import type { ReactNode } from 'react'
import type { WebhookDelivery } from '../../api/types.ts'
import { Dialog } from '../../parts/Dialog.tsx'
import { Fact, Facts } from '../../parts/Facts.tsx'
import { Status } from '../../parts/Status.tsx'
import { Time } from '../../parts/Time.tsx'
import { VisibleText } from '../../texts/VisibleText.tsx'
import { outcomeOf } from './words.ts'

interface DeliveryDrawerProps {
  readonly delivery: WebhookDelivery
  readonly onReplay: () => void
  readonly onClose: () => void
}

/** One attempt whole, with the first bytes of the answer as they came. */
export function DeliveryDrawer({ delivery, onReplay, onClose }: DeliveryDrawerProps): ReactNode {
  const { event, messageId, attempt, durationMs, createdAt, error, answer, cursor } = delivery
  return (
    <Dialog title={event} kind="drawer" onClose={onClose}>
      <div className="stack">
        <Facts>
          <Fact name="Outcome">
            <Status of="delivery" {...outcomeOf(delivery)} />
          </Fact>
          {error !== null && <Fact name="Because">{error}</Fact>}
          <Fact name="Attempt">{attempt}</Fact>
          <Fact name="Took">{durationMs} ms</Fact>
          <Fact name="When">
            <Time at={createdAt} />
          </Fact>
          <Fact name="Message">
            <code>{messageId}</code>
          </Fact>
        </Facts>
        <section aria-labelledby="delivery-answer">
          <h3 id="delivery-answer">The beginning of the answer</h3>
          {answer === null || answer === '' ? (
            <p className="soft">It had no text.</p>
          ) : (
            <pre className="webhook-answer" tabIndex={0}>
              <VisibleText text={answer} />
            </pre>
          )}
        </section>
        {cursor !== null && (
          <div>
            <button type="button" className="secondary" onClick={onReplay}>
              Deliver again what came after it
            </button>
          </div>
        )}
      </div>
    </Dialog>
  )
}
