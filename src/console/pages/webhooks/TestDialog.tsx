import { useState } from 'react'
import type { ReactNode } from 'react'
import { inBackground } from '../../api/background.ts'
import { Dialog } from '../../parts/Dialog.tsx'
import { Problem } from '../../parts/Problem.tsx'
import { Status } from '../../parts/Status.tsx'
import { VisibleText } from '../../texts/VisibleText.tsx'
import { useTest } from './data.ts'
import { outcomeOf } from './words.ts'

interface TestDialogProps {
  readonly webhookId: string
  readonly onClose: () => void
}

/** Sends a test message, and shows what came of it. */
export function TestDialog({ webhookId, onClose }: TestDialogProps): ReactNode {
  const test = useTest(webhookId)
  const [count, setCount] = useState(0)
  const delivery = test.data
  const send = (): void => {
    setCount((before) => before + 1)
    inBackground(test.mutateAsync())
  }
  return (
    <Dialog title="Send a test" onClose={onClose}>
      <p>
        A signed message of the kind <code>webhook.test</code> is sent now. It says nothing of the company but its id, and moves nothing.
      </p>
      <div role="status" aria-label="Outcome" className="webhook-test">
        {test.isPending && <p>It is on its way…</p>}
        {delivery !== undefined && !test.isPending && (
          <>
            <p>
              <Status of="delivery" {...outcomeOf(delivery)} /> in {delivery.durationMs} ms
              {delivery.error !== null && <>: {delivery.error}</>}
            </p>
            {delivery.answer !== null && delivery.answer !== '' && (
              <pre className="webhook-answer" tabIndex={0}>
                <VisibleText text={delivery.answer} />
              </pre>
            )}
          </>
        )}
      </div>
      {test.error !== null && <Problem problem={test.error} />}
      <footer>
        <button type="button" className="secondary" onClick={onClose}>
          Close
        </button>
        <button type="button" data-first="" disabled={test.isPending} onClick={send}>
          {count === 0 ? 'Send it' : 'Send it again'}
        </button>
      </footer>
    </Dialog>
  )
}
