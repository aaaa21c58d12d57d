import { useState } from 'react'
import type { ReactNode } from 'react'
import type { AgentDetail } from '../../agentParts/reads.ts'
import { inBackground } from '../../api/background.ts'
import { Skeleton } from '../../parts/Empty.tsx'
import { notify } from '../../parts/notices.tsx'
import { Problem } from '../../parts/Problem.tsx'
import { Segments } from '../../parts/Segments.tsx'
import { setQuery, usePlace } from '../../router/location.ts'
import { jsonText } from '../../texts/TextDiff.tsx'
import { ChangedMeanwhile } from './ChangedMeanwhile.tsx'
import { draftOf, editableFrom, editedBy, faultsOf, mergeDraft, patchOf } from './configuration.ts'
import type { Draft, Editable } from './configuration.ts'
import { ConfigurationForm } from './ConfigurationForm.tsx'
import { useConfigurationBase } from './data.ts'
import type { ConfigurationBase } from './data.ts'
import { ReviewDialog } from './ReviewDialog.tsx'

/** The configuration of an agent, as a form and as JSON. A change is shown as a difference before it is made. */
export function ConfigurationTab({ agent }: { readonly agent: AgentDetail }): ReactNode {
  const read = useConfigurationBase(agent)
  if (read.data === undefined)
    return read.error === null ? <Skeleton lines={8} /> : <Problem problem={read.error} retry={() => inBackground(read.refetch())} />
  return <Editor agent={agent} fresh={read.data} />
}

/** The text that a person has typed, with the configuration that it began with. */
interface Typed {
  readonly base: ConfigurationBase
  readonly draft: Draft
  /** Null while the form is used. */
  readonly json: string | null
}

type Result = { readonly next: Editable } | { readonly faults: readonly string[] }

function resultOf({ base, draft, json }: Typed): Result {
  if (json === null) {
    const faults = faultsOf(draft)
    return faults.length > 0 ? { faults } : { next: editedBy(draft, base.editable) }
  }
  const parsed = editableFrom(json)
  return 'fault' in parsed ? { faults: [parsed.fault] } : { next: parsed.editable }
}

const begin = (base: ConfigurationBase, isJson: boolean): Typed => ({
  base,
  draft: draftOf(base.editable),
  json: isJson ? jsonText(base.editable) : null,
})

/** The typed text on top of a configuration that another operator has changed meanwhile. JSON is not merged: it stays as it was typed. */
const onto = (fresh: ConfigurationBase, { base, draft, json }: Typed): Typed => ({
  base: fresh,
  draft: mergeDraft(draft, draftOf(base.editable), draftOf(fresh.editable)),
  json,
})

function Editor({ agent, fresh }: { readonly agent: AgentDetail; readonly fresh: ConfigurationBase }): ReactNode {
  const isJson = usePlace().query.get('as') === 'json'
  const [typed, setTyped] = useState<Typed | null>(null)
  const [isReviewing, setReviewing] = useState(false)
  const untouched = begin(fresh, isJson)
  const present = typed ?? untouched
  const result = resultOf(present)
  const patch = 'next' in result ? patchOf(present.base.editable, result.next) : null
  const isMoved = typed !== null && typed.base.revision?.id !== fresh.revision?.id
  const set = (change: Partial<Typed>): void => setTyped({ ...present, ...change })
  const switchTo = (view: string): void => {
    // The other view begins with what is stored, so that nothing that was typed is lost.
    if (patch !== null) return notify('Save or undo the change before you edit it in the other view')
    setTyped(null)
    setQuery({ as: view === 'json' ? 'json' : null })
  }
  return (
    <div className="configuration">
      <header className="agent-section-head">
        <h2>Configuration</h2>
        <Segments label="Edit as" value={isJson ? 'json' : 'form'} choices={views} onChange={switchTo} />
      </header>
      {isMoved && (
        <ChangedMeanwhile
          agent={agent}
          revision={fresh.revision}
          onKeep={() => setTyped(onto(fresh, typed))}
          onDiscard={() => setTyped(null)}
        />
      )}
      {present.json === null ? (
        <ConfigurationForm agent={agent} base={present.base.editable} draft={present.draft} onChange={(draft) => set({ draft })} />
      ) : (
        <JsonEditor text={present.json} onChange={(json) => set({ json })} />
      )}
      <SaveBar
        faults={'faults' in result ? result.faults : []}
        patch={patch}
        onUndo={typed === null ? null : () => setTyped(null)}
        onReview={patch === null || isMoved || agent.status === 'terminated' ? null : () => setReviewing(true)}
      />
      {isReviewing && patch !== null && 'next' in result && (
        <ReviewDialog
          agent={agent}
          change={{ patch, base: present.base }}
          next={result.next}
          onSaved={() => setTyped(null)}
          onClose={() => setReviewing(false)}
        />
      )}
    </div>
  )
}

const views = [
  { value: 'form', label: 'Form' },
  { value: 'json', label: 'JSON' },
]

interface SaveBarProps {
  readonly faults: readonly string[]
  readonly patch: Readonly<Record<string, unknown>> | null
  readonly onUndo: (() => void) | null
  readonly onReview: (() => void) | null
}

const SaveBar = ({ faults, patch, onUndo, onReview }: SaveBarProps): ReactNode => (
  <footer className="save-bar">
    {faults.length > 0 ? (
      <p role="alert" className="field-fault">
        {faults.join('. ')}.
      </p>
    ) : (
      <span className="soft">{patch === null ? 'Nothing is changed.' : `Changed: ${changedIn(patch)}`}</span>
    )}
    <button type="button" className="secondary" disabled={onUndo === null} onClick={() => onUndo?.()}>
      Undo
    </button>
    <button type="button" disabled={onReview === null} onClick={() => onReview?.()}>
      Review the change
    </button>
  </footer>
)

const changedIn = (patch: Readonly<Record<string, unknown>>): string =>
  Object.keys(patch)
    .filter((key) => key !== 'replaceAdapterConfig')
    .join(', ')

function JsonEditor({ text, onChange }: { readonly text: string; readonly onChange: (text: string) => void }): ReactNode {
  return (
    <>
      <p className="soft" id="json-hint">
        Values that are covered stay as they are stored, unless you write others in their place.
      </p>
      <textarea
        className="mono json-editor"
        aria-label="Configuration as JSON"
        aria-describedby="json-hint"
        spellCheck={false}
        rows={Math.min(40, text.split('\n').length + 1)}
        value={text}
        onChange={({ target }) => onChange(target.value)}
      />
    </>
  )
}
