import { useId } from 'react'
import type { ReactNode } from 'react'
import { isReference } from './formValues.ts'
import type { Pair } from './formValues.ts'

interface PairsFieldProps {
  readonly label: string
  readonly hint: string
  readonly pairs: readonly Pair[]
  readonly onChange: (pairs: readonly Pair[]) => void
}

/** Names with their values: variables of an environment, headers. Values that the server covers stay as they are unless they are replaced. */
export function PairsField({ label, hint, pairs, onChange }: PairsFieldProps): ReactNode {
  const id = useId()
  const set = (at: number, change: Partial<Pair>): void =>
    onChange(pairs.map((pair, each) => (each === at ? { ...pair, ...change } : pair)))
  return (
    <fieldset className="field pairs" aria-describedby={`${id}-hint`}>
      <legend>{label}</legend>
      {pairs.map((pair, at) => (
        <div key={at} className="name-value">
          <input
            type="text"
            className="mono"
            aria-label={`${label}: name ${at + 1}`}
            value={pair.name}
            onChange={({ target }) => set(at, { name: target.value })}
          />
          <input
            type="text"
            className="mono"
            aria-label={`${label}: value of ${pair.name === '' ? `name ${at + 1}` : pair.name}`}
            value={pair.text}
            placeholder={isReference(pair.stored) ? 'a stored secret' : ''}
            autoComplete="off"
            spellCheck={false}
            onChange={({ target }) => set(at, { text: target.value })}
          />
          <button
            type="button"
            className="quiet"
            aria-label={`Remove ${pair.name === '' ? `name ${at + 1}` : pair.name}`}
            onClick={() => onChange(pairs.filter((_, each) => each !== at))}
          >
            ✕
          </button>
        </div>
      ))}
      <button type="button" className="secondary" onClick={() => onChange([...pairs, { name: '', text: '', stored: undefined }])}>
        Add to {label.toLowerCase()}
      </button>
      <p id={`${id}-hint`} className="soft">
        {hint}
      </p>
    </fieldset>
  )
}
