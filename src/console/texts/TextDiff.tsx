import { structuredPatch } from 'diff'
import type { ReactNode } from 'react'

/** Longer texts are not compared: the answer would take seconds. */
const MAX_CHARACTERS = 200_000

interface TextDiffProps {
  /** Its accessible name. */
  readonly name: string
  readonly before: string
  readonly after: string
}

const kinds: Readonly<Record<string, { readonly className: string; readonly words: string }>> = {
  '+': { className: 'added', words: 'added' },
  '-': { className: 'removed', words: 'removed' },
}

/** Two texts line by line: signs and words for what was added and removed, so that the colour is never the only one. */
export function TextDiff({ name, before, after }: TextDiffProps): ReactNode {
  if (before === after) return <p className="soft">Nothing differs.</p>
  if (before.length + after.length > MAX_CHARACTERS) return <p className="soft">The texts are too long to be compared here.</p>
  const { hunks } = structuredPatch('', '', before, after, '', '', { context: 3 })
  return (
    <div className="diff" role="group" aria-label={name} tabIndex={0}>
      {hunks.map((hunk) => (
        <pre key={`${hunk.oldStart}-${hunk.newStart}`}>
          {hunk.lines
            .filter((line) => !line.startsWith('\\'))
            .map((line, at) => {
              const kind = kinds[line.charAt(0)]
              return (
                <div key={at} className={kind?.className}>
                  {kind !== undefined && <span className="hidden">{kind.words}: </span>}
                  {line}
                </div>
              )
            })}
        </pre>
      ))}
    </div>
  )
}

function sorted(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(sorted)
  if (typeof value !== 'object' || value === null) return value
  return Object.fromEntries(
    Object.entries(value)
      .toSorted(([one], [other]) => (one < other ? -1 : 1))
      .map(([key, part]) => [key, sorted(part)]),
  )
}

/** A JSON value as text in which equal values are equal lines. */
export const jsonText = (value: unknown): string => JSON.stringify(sorted(value), null, 2) ?? ''
