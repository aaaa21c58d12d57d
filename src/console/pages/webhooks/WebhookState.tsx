import type { ReactNode } from 'react'
import type { Webhook } from '../../api/types.ts'
import { Status } from '../../parts/Status.tsx'
import { Time } from '../../parts/Time.tsx'
import { stateOf } from './words.ts'

/** The state of a webhook as a sign and a word. */
export function WebhookState({ webhook }: { readonly webhook: Webhook }): ReactNode {
  const { words, tone } = stateOf(webhook)
  return <Status of={webhook.status} words={words} tone={tone} />
}

/** How far behind a webhook is: since when events wait, and when the next attempt is made. */
export function Behind({ webhook }: { readonly webhook: Webhook }): ReactNode {
  const { status, stoppedAt, failingSince, nextAttemptAt } = webhook
  const since = failingSince ?? stoppedAt
  if (status !== 'active' && since !== null)
    return (
      <>
        events wait since <Time at={since} />
      </>
    )
  if (failingSince === null) return <span className="soft">up to date</span>
  return (
    <>
      since <Time at={failingSince} />
      {nextAttemptAt !== null && (
        <>
          , next attempt <Time at={nextAttemptAt} />
        </>
      )}
    </>
  )
}
