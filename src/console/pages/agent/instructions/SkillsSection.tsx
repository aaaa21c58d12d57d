import { useState } from 'react'
import type { ReactNode } from 'react'
import type { AgentDetail } from '../../../agentParts/reads.ts'
import { inBackground } from '../../../api/background.ts'
import type { SkillsOfAgent } from '../../../api/types.ts'
import { useCompanyPath } from '../../../frame/company.tsx'
import { Skeleton } from '../../../parts/Empty.tsx'
import { notify } from '../../../parts/notices.tsx'
import { Problem } from '../../../parts/Problem.tsx'
import { Status } from '../../../parts/Status.tsx'
import { Link } from '../../../router/Link.tsx'
import { VisibleText } from '../../../texts/VisibleText.tsx'
import { useSkillsOf, useSyncSkills } from './data.ts'

/** The skills that an agent has, and those that it could have. */
export function SkillsSection({ agent }: { readonly agent: AgentDetail }): ReactNode {
  const read = useSkillsOf(agent)
  const pathOf = useCompanyPath()
  return (
    <section className="card" aria-labelledby="skills-of-agent">
      <header className="agent-section-head">
        <h2 id="skills-of-agent">Skills</h2>
        <Link to={pathOf('skills')}>All skills</Link>
      </header>
      {read.error !== null && <Problem problem={read.error} retry={() => inBackground(read.refetch())} />}
      {read.data === undefined ? read.error === null && <Skeleton lines={4} /> : <SkillChoice agent={agent} skills={read.data.data} />}
    </section>
  )
}

interface SkillChoiceProps {
  readonly agent: AgentDetail
  readonly skills: SkillsOfAgent
}

function SkillChoice({ agent, skills }: SkillChoiceProps): ReactNode {
  const { supported, entries, desiredSkills, warnings } = skills
  const [chosen, setChosen] = useState<readonly string[] | null>(null)
  const sync = useSyncSkills(agent)
  const names = chosen ?? desiredSkills
  const save = (): void =>
    sync.mutate(names, {
      onSuccess: () => {
        setChosen(null)
        notify(`The skills of ${agent.name} are saved`)
      },
    })
  return (
    <form
      onSubmit={(event) => {
        event.preventDefault()
        save()
      }}
    >
      {warnings.map((warning) => (
        <p key={warning} className="soft">
          {warning}.
        </p>
      ))}
      <ul className="instructions-skills">
        {entries.map(({ key, description, state }) => (
          <li key={key}>
            <label className="check">
              <input
                type="checkbox"
                checked={names.includes(key)}
                disabled={!supported && !names.includes(key)}
                onChange={({ target }) => setChosen(target.checked ? [...names, key] : names.filter((name) => name !== key))}
              />{' '}
              <span className="mono">{key}</span> {state === 'missing' && <Status of="missing" tone="bad" words="missing" />}
            </label>
            {description !== null && (
              <p className="soft">
                <VisibleText text={description} />
              </p>
            )}
          </li>
        ))}
      </ul>
      {sync.error !== null && <Problem problem={sync.error} />}
      <button type="submit" disabled={chosen === null || sync.isPending || agent.status === 'terminated'}>
        Save the skills
      </button>
    </form>
  )
}
