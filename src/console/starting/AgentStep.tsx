import { useState } from 'react'
import type { ReactNode } from 'react'
import { inBackground } from '../api/background.ts'
import type { Agent } from '../api/types.ts'
import { Command } from '../parts/Command.tsx'
import { Problem } from '../parts/Problem.tsx'
import { SelectField, TextField } from '../parts/fields.tsx'
import { useHire, useNewKey } from './data.ts'

/** An agent with the key that was made for it just now. */
export interface Hired {
  readonly agent: Agent
  readonly token: string
}

const roles: readonly [Agent['role'], ...Agent['role'][]] = [
  'engineer',
  'ceo',
  'cto',
  'cmo',
  'cfo',
  'designer',
  'pm',
  'qa',
  'devops',
  'researcher',
  'security',
  'general',
]

interface AgentStepProps {
  readonly companyId: string
  /** The agent that the company has; null for none. */
  readonly agent: Agent | null
  /** The key that is shown; null where none was made in this page. */
  readonly hired: Hired | null
  readonly onHired: (hired: Hired) => void
}

/** Hires an agent and makes its key, which is shown this one time. */
export function AgentStep({ companyId, agent, hired, onHired }: AgentStepProps): ReactNode {
  if (hired !== null)
    return (
      <>
        <p>
          This is the key of {hired.agent.name}. The server keeps no copy that it could show again. The command of the last step has it,
          too.
        </p>
        <Command name={`The key of ${hired.agent.name}`} text={hired.token} />
      </>
    )
  return agent === null ? <HireForm companyId={companyId} onHired={onHired} /> : <KeyButton agent={agent} onHired={onHired} />
}

function HireForm({ companyId, onHired }: Pick<AgentStepProps, 'companyId' | 'onHired'>): ReactNode {
  const [name, setName] = useState('')
  const [role, setRole] = useState<string>(roles[0])
  const hire = useHire(companyId)
  const newKey = useNewKey()
  const problem = hire.error ?? newKey.error
  const submit = async (): Promise<void> => {
    const agent = await hire.mutateAsync({ name: name.trim(), role })
    const { token } = await newKey.mutateAsync(agent.id)
    onHired({ agent, token })
  }
  return (
    <form
      onSubmit={(event) => {
        event.preventDefault()
        inBackground(submit())
      }}
    >
      <p className="soft">
        This one lives elsewhere: on your machine, in a container, in CI. It connects with a key. Agents that this server starts are hired
        on the page of agents.
      </p>
      <div className="pair">
        <TextField label="Name of the agent" value={name} onChange={setName} isRequired maxLength={200} />
        <SelectField label="Role" value={role} onChange={setRole} choices={roles.map((each) => ({ value: each, label: each }))} />
      </div>
      {problem !== null && <Problem problem={problem} />}
      <button type="submit" disabled={hire.isPending || newKey.isPending}>
        Hire the agent and make its key
      </button>
    </form>
  )
}

function KeyButton({ agent, onHired }: { readonly agent: Agent; readonly onHired: (hired: Hired) => void }): ReactNode {
  const newKey = useNewKey()
  return (
    <>
      <p className="soft">A key was shown once, when it was made. Make another one to connect {agent.name}.</p>
      {newKey.error !== null && <Problem problem={newKey.error} />}
      <button
        type="button"
        className="secondary"
        disabled={newKey.isPending}
        onClick={() => newKey.mutate(agent.id, { onSuccess: ({ token }) => onHired({ agent, token }) })}
      >
        Make a key for {agent.name}
      </button>
    </>
  )
}
