import type { ReactNode } from 'react'
import { Fact } from '../../parts/Facts.tsx'
import { Json } from '../../texts/Json.tsx'
import { VisibleText } from '../../texts/VisibleText.tsx'
import { fieldWords } from '../activity/sentenceParts.ts'

/** A text of several lines that an agent wrote. */
export const Written = ({ text }: { readonly text: string }): ReactNode => (
  <p className="written-text">
    <VisibleText text={text} />
  </p>
)

/** `nextActionOnApproval` as "Next action on approval". */
const heading = (name: string): string => {
  const words = fieldWords(name)
  return words.charAt(0).toUpperCase() + words.slice(1)
}

/** A field of a payload under its name: text as text, lists of texts as a list, all else as JSON. */
export function WrittenField({ name, value }: { readonly name: string; readonly value: unknown }): ReactNode {
  if (value === null || value === undefined || value === '') return null
  return (
    <section className="written-field">
      <h3>
        <VisibleText text={heading(name)} />
      </h3>
      <WrittenValue name={name} value={value} />
    </section>
  )
}

function WrittenValue({ name, value }: { readonly name: string; readonly value: unknown }): ReactNode {
  if (typeof value === 'string') return <Written text={value} />
  if (Array.isArray(value) && value.every((item) => typeof item === 'string'))
    return (
      <ul>
        {value.map((item, at) => (
          <li key={at}>
            <VisibleText text={item} />
          </li>
        ))}
      </ul>
    )
  return typeof value === 'number' || typeof value === 'boolean' ? <p>{String(value)}</p> : <Json name={name} value={value} />
}

/** A short text that an agent wrote, as a fact; nothing where there is none. */
export const WrittenFact = ({ name, value }: { readonly name: string; readonly value: unknown }): ReactNode =>
  typeof value !== 'string' || value === '' ? null : (
    <Fact name={name}>
      <VisibleText text={value} />
    </Fact>
  )
