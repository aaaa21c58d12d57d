import { useId } from 'react'
import type { ReactNode } from 'react'
import { useCompany } from '../frame/company.tsx'
import { referenceTo, secretIdOf } from './formValues.ts'
import type { Pair } from './formValues.ts'
import { useSecretNames } from './reads.ts'

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
        <PairRow
          key={at}
          label={label}
          number={at + 1}
          pair={pair}
          onChange={(change) => set(at, change)}
          onRemove={() => onChange(pairs.filter((_, each) => each !== at))}
        />
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

interface PairRowProps {
  readonly label: string
  readonly number: number
  readonly pair: Pair
  readonly onChange: (change: Partial<Pair>) => void
  readonly onRemove: () => void
}

/** One name with its value, which is a text or a secret of the company. */
function PairRow({ label, number, pair, onChange, onRemove }: PairRowProps): ReactNode {
  const { name, text, stored } = pair
  const subject = name === '' ? `name ${number}` : name
  const chosen = text === '' ? secretIdOf(stored) : null
  return (
    <div className="name-value">
      <input
        type="text"
        className="mono"
        aria-label={`${label}: name ${number}`}
        value={name}
        onChange={({ target }) => onChange({ name: target.value })}
      />
      <input
        type="text"
        className="mono"
        aria-label={`${label}: value of ${subject}`}
        value={text}
        placeholder={chosen === null ? '' : 'a stored secret'}
        autoComplete="off"
        spellCheck={false}
        onChange={({ target }) => onChange({ text: target.value })}
      />
      <button type="button" className="quiet" aria-label={`Remove ${subject}`} onClick={onRemove}>
        ✕
      </button>
      <SecretChoice
        label={`${label}: secret of ${subject}`}
        chosen={chosen}
        onChange={(id) => onChange({ text: '', stored: id === null ? undefined : id === chosen ? stored : referenceTo(id) })}
      />
    </div>
  )
}

interface SecretChoiceProps {
  readonly label: string
  /** The secret of the value; null for a text. */
  readonly chosen: string | null
  readonly onChange: (secretId: string | null) => void
}

/** A choice of a secret in the place of a text. A company without secrets has none. */
function SecretChoice({ label, chosen, onChange }: SecretChoiceProps): ReactNode {
  const secrets = useSecretNames(useCompany().id)
  if (secrets.length === 0 && chosen === null) return null
  const isKnown = chosen === null || secrets.some(({ id }) => id === chosen)
  return (
    <select
      aria-label={label}
      className="pair-secret"
      value={chosen ?? ''}
      onChange={({ target }) => onChange(target.value === '' ? null : target.value)}
    >
      <option value="">the text above</option>
      {!isKnown && <option value={chosen}>a stored secret</option>}
      {secrets.map(({ id, name }) => (
        <option key={id} value={id}>
          secret: {name}
        </option>
      ))}
    </select>
  )
}
