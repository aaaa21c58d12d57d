import { useState } from 'react'
import type { ReactNode } from 'react'
import { inBackground } from '../../api/background.ts'
import type { SkillDetail } from '../../api/types.ts'
import { useCompanyPath } from '../../frame/company.tsx'
import type { PageProps } from '../../pages.ts'
import { Skeleton } from '../../parts/Empty.tsx'
import { Fact, Facts } from '../../parts/Facts.tsx'
import { Page } from '../../parts/Page.tsx'
import { Problem } from '../../parts/Problem.tsx'
import { Status } from '../../parts/Status.tsx'
import { Time } from '../../parts/Time.tsx'
import { Link } from '../../router/Link.tsx'
import { setQuery, usePlace } from '../../router/location.ts'
import { FileText } from '../../texts/FileText.tsx'
import { VisibleText } from '../../texts/VisibleText.tsx'
import { useSkill, useSkillFile } from './data.ts'
import { DeleteSkill } from './DeleteSkill.tsx'
import { UpdateSection } from './UpdateSection.tsx'
import { sizeWords, sourceWords, trustOf } from './words.ts'

/** One skill: its files, and the agents that have it. */
export default function SkillPage({ params }: PageProps): ReactNode {
  const read = useSkill(params['skill'] ?? '')
  if (read.data === undefined)
    return (
      <Page title="Skill">
        {read.error === null ? <Skeleton lines={10} /> : <Problem problem={read.error} retry={() => inBackground(read.refetch())} />}
      </Page>
    )
  return <Shown skill={read.data.data} />
}

function Shown({ skill }: { readonly skill: SkillDetail }): ReactNode {
  const [isDeleting, setDeleting] = useState(false)
  return (
    <Page
      title={skill.name}
      actions={
        <button type="button" className="secondary danger" onClick={() => setDeleting(true)}>
          Delete
        </button>
      }
    >
      {skill.description !== null && (
        <p className="skill-description">
          <VisibleText text={skill.description} />
        </p>
      )}
      <div className="skill-columns">
        <Files skill={skill} />
        <div className="stack">
          <SkillFacts skill={skill} />
          <Agents skill={skill} />
          {skill.sourceType === 'folder' && <UpdateSection skillId={skill.id} />}
        </div>
      </div>
      {isDeleting && <DeleteSkill skill={skill} onClose={() => setDeleting(false)} />}
    </Page>
  )
}

const FIRST = 'SKILL.md'

/** The files of the skill, and the text of one of them, which the address names. */
function Files({ skill }: { readonly skill: SkillDetail }): ReactNode {
  const path = usePlace().query.get('file') ?? FIRST
  const read = useSkillFile(skill.id, path)
  return (
    <section aria-labelledby="files">
      <h2 id="files">Files</h2>
      <ul className="skill-files">
        {skill.fileInventory.map((file) => (
          <li key={file.path}>
            <button
              type="button"
              className="quiet mono"
              aria-current={file.path === path ? 'true' : undefined}
              onClick={() => setQuery({ file: file.path === FIRST ? null : file.path })}
            >
              <VisibleText text={file.path} />
            </button>
            {file.kind === 'script' && <Status of="script" tone="warn" words="a program" />}
          </li>
        ))}
      </ul>
      {read.error !== null && <Problem problem={read.error} retry={() => inBackground(read.refetch())} />}
      {read.data === undefined ? (
        read.error === null && <Skeleton lines={8} />
      ) : (
        <FileText name={read.data.data.path} text={read.data.data.content} />
      )}
    </section>
  )
}

function SkillFacts({ skill }: { readonly skill: SkillDetail }): ReactNode {
  const { slug, sourceType, sourceLocator, byteSize, sourceRef, createdAt, updatedAt } = skill
  return (
    <section className="card" aria-label="Facts">
      <Facts>
        <Fact name="Name in folders">
          <code>{slug}</code>
        </Fact>
        <Fact name="Content">
          <Status of="content" {...trustOf(skill)} />, {sizeWords(byteSize)}
        </Fact>
        <Fact name="Source">
          {sourceWords[sourceType]} {sourceLocator !== null && <code>{sourceLocator}</code>}
        </Fact>
        <Fact name="Hash">
          <code title={sourceRef}>{sourceRef.slice(0, 16)}</code>
        </Fact>
        <Fact name="Imported">
          <Time at={createdAt} />
        </Fact>
        <Fact name="Changed">
          <Time at={updatedAt} />
        </Fact>
      </Facts>
    </section>
  )
}

function Agents({ skill: { usedByAgents } }: { readonly skill: SkillDetail }): ReactNode {
  const pathOf = useCompanyPath()
  return (
    <section className="card" aria-labelledby="agents">
      <h2 id="agents">Agents that have it</h2>
      {usedByAgents.length === 0 ? (
        <p className="soft">None. An agent is given it on its page, under Instructions.</p>
      ) : (
        <ul className="skill-agents">
          {usedByAgents.map(({ id, name, adapterType }) => (
            <li key={id}>
              <Link to={pathOf(`agents/${id}?tab=instructions`)}>{name}</Link> <span className="soft">{adapterType}</span>
            </li>
          ))}
        </ul>
      )}
    </section>
  )
}
