import type { ReactNode } from 'react'
import type { Project } from '../../api/types.ts'
import { Fact, Facts } from '../../parts/Facts.tsx'
import { Status } from '../../parts/Status.tsx'
import { Time } from '../../parts/Time.tsx'

/** The state of a project, and where its agents work. */
export function ProjectFacts({ project }: { readonly project: Project }): ReactNode {
  const { urlKey, createdAt, updatedAt, archivedAt, pausedAt, pauseReason, codebase, workspaces } = project
  return (
    <div className="card">
      <Facts>
        <Fact name="Shortname">
          <span className="mono">{urlKey}</span>
        </Fact>
        {archivedAt !== null && (
          <Fact name="Archived">
            <Time at={archivedAt} />
          </Fact>
        )}
        {pausedAt !== null && (
          <Fact name="Paused">
            <Status of="paused" words={pauseReason ?? 'paused'} /> since <Time at={pausedAt} />
          </Fact>
        )}
        <Fact name="Agents work in">
          <span className="mono">{codebase.effectiveLocalFolder}</span>
        </Fact>
        {codebase.repoUrl !== null && (
          <Fact name="Repository">
            <span className="mono">{codebase.repoUrl}</span>
            {codebase.repoRef !== null && ` at ${codebase.repoRef}`}
          </Fact>
        )}
        {workspaces.length > 0 && (
          <Fact name="Workspaces">
            {workspaces.map(({ id, name, cwd, repoUrl, isPrimary }) => (
              <div key={id}>
                {name} {isPrimary && <span className="soft">(primary)</span>} <span className="mono soft">{cwd ?? repoUrl}</span>
              </div>
            ))}
          </Fact>
        )}
        <Fact name="Made">
          <Time at={createdAt} />
        </Fact>
        <Fact name="Changed">
          <Time at={updatedAt} />
        </Fact>
      </Facts>
    </div>
  )
}
