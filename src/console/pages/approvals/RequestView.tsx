import type { ReactNode } from 'react'
import type { ApprovalDetail } from '../../api/types.ts'
import { Command, hasCommand } from './Command.tsx'
import type { Warning } from './Command.tsx'
import { recordOf } from './words.ts'
import { WrittenField } from './written.tsx'

/** The known fields of requests and strategies, in the order in which they are read. */
const order = ['summary', 'plan', 'strategy', 'risks', 'recommendedAction', 'nextActionOnApproval', 'proposedComment']
const rank = (name: string): number => {
  const at = order.indexOf(name)
  return at === -1 ? order.length : at
}

/** A request in words: a strategy, a question to the board. A command in it is shown as a command. */
export function RequestView({ approval: { payload, warnings = [] } }: { readonly approval: ApprovalDetail }): ReactNode {
  const { title: _, ...rest } = payload
  const { words, command } = apart(rest)
  return (
    <div className="stack">
      {Object.entries(words)
        .toSorted(([one], [other]) => rank(one) - rank(other))
        .map(([name, value]) => (
          <RequestField key={name} name={name} value={value} warnings={warnings} />
        ))}
      {command !== null && (
        <section>
          <h3>The command</h3>
          <Command config={command} path="payload" warnings={warnings} />
        </section>
      )}
    </div>
  )
}

const commandNames: ReadonlySet<string> = new Set(['command', 'args', 'extraArgs', 'commandArgs', 'cwd', 'env'])

/** The fields that make a command, apart from the others. */
function apart(payload: Readonly<Record<string, unknown>>): {
  readonly words: Readonly<Record<string, unknown>>
  readonly command: Readonly<Record<string, unknown>> | null
} {
  if (!hasCommand(payload)) return { words: payload, command: null }
  const entries = Object.entries(payload)
  return {
    words: Object.fromEntries(entries.filter(([name]) => !commandNames.has(name))),
    command: Object.fromEntries(entries.filter(([name]) => commandNames.has(name))),
  }
}

interface RequestFieldProps {
  readonly name: string
  readonly value: unknown
  readonly warnings: readonly Warning[]
}

function RequestField({ name, value, warnings }: RequestFieldProps): ReactNode {
  const config = recordOf(value)
  if (!hasCommand(config)) return <WrittenField name={name} value={value} />
  return (
    <section>
      <h3>{name}</h3>
      <Command config={config} path={`payload.${name}`} warnings={warnings} />
    </section>
  )
}
