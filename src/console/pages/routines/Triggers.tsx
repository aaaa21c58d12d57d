import { useState } from 'react'
import type { ReactNode } from 'react'
import type { RoutineDetail, RoutineTrigger, TriggerWithSecret } from '../../api/types.ts'
import { Command } from '../../parts/Command.tsx'
import { Empty } from '../../parts/Empty.tsx'
import { Fact, Facts } from '../../parts/Facts.tsx'
import { ShownOnce } from '../../parts/ShownOnce.tsx'
import { Status } from '../../parts/Status.tsx'
import { Time } from '../../parts/Time.tsx'
import { DeleteTrigger, RotateTrigger } from './TriggerActs.tsx'
import { EditTrigger, NewTrigger } from './TriggerDialog.tsx'
import { Times } from './Times.tsx'
import { kindWords, signingWords, webhookUrlOf } from './words.ts'

type Shown = RoutineDetail['triggers'][number]
type Act = { readonly kind: 'edit' | 'rotate' | 'delete'; readonly trigger: Shown } | { readonly kind: 'new' }

/** The triggers that make a routine run, each with its next times or its address. */
export function Triggers({ routine }: { readonly routine: RoutineDetail }): ReactNode {
  const [act, setAct] = useState<Act | null>(null)
  // The secret of a webhook is here until its dialog is closed, and nowhere else.
  const [made, setMade] = useState<TriggerWithSecret | null>(null)
  const shared = { onClose: () => setAct(null), onSecret: setMade }
  return (
    <section aria-labelledby="triggers">
      <div className="section-head">
        <h2 id="triggers">What makes it run</h2>
        <button type="button" onClick={() => setAct({ kind: 'new' })}>
          Add a trigger
        </button>
      </div>
      {routine.triggers.length === 0 ? (
        <Empty title="Nothing makes it run by itself.">
          <p>Add a schedule, a webhook, or a name under which a program runs it. You can always run it by hand.</p>
        </Empty>
      ) : (
        <ul className="triggers">
          {routine.triggers.map((trigger) => (
            <li key={trigger.id} className="card">
              <TriggerCard trigger={trigger} routine={routine} onAct={setAct} />
            </li>
          ))}
        </ul>
      )}
      {act?.kind === 'new' && <NewTrigger routineId={routine.id} {...shared} />}
      {act?.kind === 'edit' && <EditTrigger trigger={act.trigger} onClose={shared.onClose} />}
      {act?.kind === 'rotate' && <RotateTrigger trigger={act.trigger} {...shared} />}
      {act?.kind === 'delete' && <DeleteTrigger trigger={act.trigger} onClose={shared.onClose} />}
      {made?.secretMaterial !== undefined && made.secretMaterial !== null && (
        <ShownOnce
          title="The secret of the webhook"
          place="Copy it now, to where the webhook is called from."
          texts={[
            { name: 'The address of the webhook', text: made.secretMaterial.webhookUrl },
            { name: 'The secret', text: made.secretMaterial.webhookSecret },
          ]}
          onClose={() => setMade(null)}
        />
      )}
    </section>
  )
}

/** The words that name a trigger among the others. */
const nameOf = ({ kind, label, cronExpression }: RoutineTrigger): string => label ?? cronExpression ?? kindWords[kind]

interface TriggerCardProps {
  readonly trigger: Shown
  readonly routine: RoutineDetail
  readonly onAct: (act: Act) => void
}

function TriggerCard({ trigger, routine, onAct }: TriggerCardProps): ReactNode {
  const { kind, enabled, label } = trigger
  const button = (act: 'edit' | 'rotate' | 'delete', words: string): ReactNode => (
    <button type="button" className={act === 'delete' ? 'quiet danger' : 'quiet'} onClick={() => onAct({ kind: act, trigger })}>
      {words}
      <span className="hidden">
        {act === 'rotate' && ' of'} the trigger {nameOf(trigger)}
      </span>
    </button>
  )
  return (
    <>
      <header className="section-head">
        <h3>
          {kindWords[kind]}
          {label !== null && `: ${label}`} <Status of={enabled ? 'active' : 'off'} words={enabled ? 'on' : 'off'} />
        </h3>
        <div className="trigger-acts">
          {button('edit', 'Edit')}
          {kind === 'webhook' && button('rotate', 'New secret')}
          {button('delete', 'Delete')}
        </div>
      </header>
      {kind === 'schedule' && <Schedule trigger={trigger} isActive={routine.status === 'active'} />}
      {kind === 'webhook' && <Webhook trigger={trigger} />}
      {kind === 'api' && <Api trigger={trigger} />}
      <p className="soft">
        Last run <Time at={trigger.lastFiredAt} />
        {trigger.lastResult !== null && `: ${trigger.lastResult.replaceAll('_', ' ')}`}
      </p>
    </>
  )
}

function Schedule({ trigger, isActive }: { readonly trigger: Shown; readonly isActive: boolean }): ReactNode {
  const { cronExpression, timezone, nextRunTimes, enabled } = trigger
  return (
    <>
      <p>
        <code>{cronExpression}</code> in {timezone}
      </p>
      {nextRunTimes.length > 0 ? (
        <Times times={nextRunTimes} zone={timezone} />
      ) : (
        <p>
          {!enabled
            ? 'It is off, so no time is ahead.'
            : isActive
              ? 'No time is ahead.'
              : 'The routine is not active, so no time is ahead.'}
        </p>
      )}
    </>
  )
}

function Webhook({ trigger: { publicId, signingMode, replayWindowSec, lastRotatedAt } }: { readonly trigger: Shown }): ReactNode {
  return (
    <>
      <Command name="The address of the webhook" text={webhookUrlOf(publicId ?? '', location.origin)} />
      <Facts>
        {signingMode !== null && <Fact name="Proved by">{signingWords[signingMode]}</Fact>}
        {signingMode === 'hmac_sha256' && replayWindowSec !== null && <Fact name="A signature holds">{replayWindowSec} s</Fact>}
        {lastRotatedAt !== null && (
          <Fact name="Secret of">
            <Time at={lastRotatedAt} />
          </Fact>
        )}
      </Facts>
    </>
  )
}

const Api = ({ trigger: { id, routineId } }: { readonly trigger: Shown }): ReactNode => (
  <Command name="The request that runs it" text={`POST /api/routines/${routineId}/run {"source":"api","triggerId":"${id}"}`} />
)
