import { useState } from 'react'
import type { ReactNode } from 'react'
import type { AgentDetail } from '../../../agentParts/reads.ts'
import { inBackground } from '../../../api/background.ts'
import type { InstructionsBundle } from '../../../api/types.ts'
import { Empty, Skeleton } from '../../../parts/Empty.tsx'
import { Problem } from '../../../parts/Problem.tsx'
import { Status } from '../../../parts/Status.tsx'
import { setQuery, usePlace } from '../../../router/location.ts'
import { VisibleText } from '../../../texts/VisibleText.tsx'
import { useBundle, useInstructionsFile } from './data.ts'
import { FileEditor } from './FileEditor.tsx'
import type { FileDraft } from './FileEditor.tsx'
import { NewFile } from './NewFile.tsx'
import { SkillsSection } from './SkillsSection.tsx'

/** The texts that an agent follows: the files of its instructions, and its skills. */
export function InstructionsTab({ agent }: { readonly agent: AgentDetail }): ReactNode {
  const read = useBundle(agent)
  return (
    <div className="instructions-columns">
      <section aria-labelledby="instructions">
        {read.error !== null && <Problem problem={read.error} retry={() => inBackground(read.refetch())} />}
        {read.data === undefined ? read.error === null && <Skeleton lines={8} /> : <Bundle agent={agent} bundle={read.data.data} />}
      </section>
      <SkillsSection agent={agent} />
    </div>
  )
}

interface BundleProps {
  readonly agent: AgentDetail
  readonly bundle: InstructionsBundle
}

function Bundle({ agent, bundle }: BundleProps): ReactNode {
  const { files, editable, warnings, entryFile } = bundle
  const [isAdding, setAdding] = useState(false)
  // The text that is typed into one file stays while another one is looked at.
  const [drafts, setDrafts] = useState<Readonly<Record<string, FileDraft | null>>>({})
  const asked = usePlace().query.get('file') ?? entryFile
  const shown = files.find(({ path }) => path === asked) ?? files[0]
  return (
    <>
      <header className="agent-section-head">
        <h2 id="instructions">Instructions</h2>
        {editable && agent.status !== 'terminated' && (
          <button type="button" onClick={() => setAdding(true)}>
            Add a file
          </button>
        )}
      </header>
      <Notes bundle={bundle} />
      {warnings.map((warning) => (
        <p key={warning} className="soft">
          {warning}.
        </p>
      ))}
      {files.length === 0 ? (
        <Empty title="It has no instructions of its own.">
          <p>Each run of the agent gets the files that you add here, and reads {entryFile} first.</p>
        </Empty>
      ) : (
        <>
          <ul className="instructions-files" aria-label="Files">
            {files.map(({ path, isEntryFile }) => (
              <li key={path}>
                <button
                  type="button"
                  className="quiet mono"
                  aria-current={path === shown?.path ? 'true' : undefined}
                  onClick={() => setQuery({ file: path })}
                >
                  <VisibleText text={path} />
                  {(drafts[path] ?? null) !== null && <span title="Not saved"> •</span>}
                </button>
                {isEntryFile && <Status of="entry" tone="busy" words="read first" />}
              </li>
            ))}
          </ul>
          {shown !== undefined && (
            <OneFile
              key={shown.path}
              agent={agent}
              path={shown.path}
              draft={drafts[shown.path] ?? null}
              onDraft={(draft) => setDrafts((before) => ({ ...before, [shown.path]: draft }))}
            />
          )}
        </>
      )}
      {isAdding && <NewFile agent={agent} firstPath={files.length === 0 ? entryFile : ''} onClose={() => setAdding(false)} />}
    </>
  )
}

/** The other texts that a run gets as instructions. */
function Notes({ bundle }: { readonly bundle: InstructionsBundle }): ReactNode {
  const { mode, resolvedEntryPath, legacyPromptTemplateActive, legacyBootstrapPromptTemplateActive } = bundle
  return (
    <>
      {mode === 'external' && (
        <p className="note">
          Its runs get a file of the host as instructions
          {resolvedEntryPath !== null && (
            <>
              : <code>{resolvedEntryPath}</code>
            </>
          )}
          . It stands in the configuration; without it, instructions can be kept here.
        </p>
      )}
      {(legacyPromptTemplateActive || legacyBootstrapPromptTemplateActive) && (
        <p className="note">Its configuration has a prompt of its own, which its runs get beside these files.</p>
      )}
    </>
  )
}

interface OneFileProps {
  readonly agent: AgentDetail
  readonly path: string
  readonly draft: FileDraft | null
  readonly onDraft: (draft: FileDraft | null) => void
}

function OneFile({ agent, path, draft, onDraft }: OneFileProps): ReactNode {
  const read = useInstructionsFile(agent, path)
  if (read.data === undefined)
    return read.error === null ? <Skeleton lines={8} /> : <Problem problem={read.error} retry={() => inBackground(read.refetch())} />
  return <FileEditor agent={agent} file={read.data.data} draft={draft} onDraft={onDraft} />
}
