import type { ReactNode } from 'react'
import type { ApprovalDetail } from '../../api/types.ts'
import { useCompanyPath } from '../../frame/company.tsx'
import { counted } from '../../parts/counted.ts'
import { Status } from '../../parts/Status.tsx'
import { Link } from '../../router/Link.tsx'
import { FileText } from '../../texts/FileText.tsx'
import { TextDiff } from '../../texts/TextDiff.tsx'
import { VisibleText } from '../../texts/VisibleText.tsx'
import { useInstructionsFile } from '../agent/instructions/data.ts'
import type { NameOf } from '../activity/sentences.ts'
import { isOpen } from './words.ts'
import type { TextChange } from './words.ts'
import { WrittenField } from './written.tsx'

interface TextChangeViewProps {
  readonly approval: ApprovalDetail
  readonly change: TextChange
  readonly nameOf: NameOf
}

/** Texts that agents are to follow, whole: what is approved is exactly what stands here. */
export function TextChangeView({ approval, change, nameOf }: TextChangeViewProps): ReactNode {
  const { title: _, summary, textChange: _change, ...rest } = approval.payload
  return (
    <div className="stack">
      {typeof summary === 'string' && <WrittenField name="summary" value={summary} />}
      {change.kind === 'skills' ? <Skills change={change} /> : <Instructions approval={approval} change={change} nameOf={nameOf} />}
      {Object.entries(rest).map(([name, value]) => (
        <WrittenField key={name} name={name} value={value} />
      ))}
    </div>
  )
}

type SkillsChange = Extract<TextChange, { readonly kind: 'skills' }>
type InstructionsChange = Extract<TextChange, { readonly kind: 'instructions' }>

/** Names of files that are programs, as the server marks them. */
const program = /\.(?:sh|bash|zsh|js|mjs|cjs|ts|py|rb|pl|php|ps1|bat|cmd)$/i

function Skills({ change: { skills, replaced } }: { readonly change: SkillsChange }): ReactNode {
  return Object.entries(skills).map(([name, files]) => (
    <section key={name} aria-label={`The skill ${name}`} className="proposed-texts">
      <h3>
        <VisibleText text={name} />: {counted(Object.keys(files).length, 'file')}
        {replaced.has(name) ? ', in the place of the skill of that name' : ', a new skill'}
      </h3>
      {Object.entries(files).map(([path, text]) => (
        <div key={path}>
          <h4>
            <VisibleText text={path} /> {program.test(path) && <Status of="script" tone="warn" words="a program" />}
          </h4>
          <FileText name={`${name}/${path}`} text={text} />
        </div>
      ))}
    </section>
  ))
}

interface InstructionsProps {
  readonly approval: ApprovalDetail
  readonly change: InstructionsChange
  readonly nameOf: NameOf
}

function Instructions({ approval, change, nameOf }: InstructionsProps): ReactNode {
  const { agentId, path, content, baseRevisionId } = change
  const pathOf = useCompanyPath()
  const hasBase = baseRevisionId !== null && isOpen(approval)
  const present = useInstructionsFile({ id: agentId, companyId: approval.companyId }, hasBase ? path : null).data?.data
  const verb = content === null ? 'Deletes' : baseRevisionId === null ? 'Adds' : 'Changes'
  return (
    <>
      <p>
        {verb}{' '}
        <code>
          <VisibleText text={path} />
        </code>{' '}
        in the instructions of{' '}
        <Link to={pathOf(`agents/${agentId}?tab=instructions`)}>{nameOf({ kind: 'agent', id: agentId }) ?? 'the agent'}</Link>.
      </p>
      {hasBase && present !== undefined && present.revisionId !== baseRevisionId && (
        <p className="note">The file was changed since this was asked for, so it cannot be approved as it is.</p>
      )}
      {hasBase && present !== undefined && content !== null && (
        <section>
          <h3>Against the text of now</h3>
          <TextDiff name="Change of the instructions" before={present.content} after={content} />
        </section>
      )}
      {content !== null && (
        <section>
          <h3>The whole text</h3>
          <FileText name={path} text={content} />
        </section>
      )}
    </>
  )
}
