import { useState } from 'react'
import type { ReactNode } from 'react'
import type { AgentDetail } from '../../../agentParts/reads.ts'
import { ActDialog } from '../../../parts/ActDialog.tsx'
import { TextField } from '../../../parts/fields.tsx'
import { notify } from '../../../parts/notices.tsx'
import { setQuery } from '../../../router/location.ts'
import { useWriteFile } from './data.ts'

interface NewFileProps {
  readonly agent: AgentDetail
  /** The path that the first file has. */
  readonly firstPath: string
  readonly onClose: () => void
}

/** Adds a file to the instructions of an agent. One of that path is not replaced. */
export function NewFile({ agent, firstPath, onClose }: NewFileProps): ReactNode {
  const [path, setPath] = useState(firstPath)
  const [content, setContent] = useState('')
  const write = useWriteFile(agent)
  return (
    <ActDialog
      title={`Add a file to the instructions of ${agent.name}`}
      confirm="Add the file"
      onClose={onClose}
      act={async () => {
        await write.mutateAsync({ path: path.trim(), content, baseRevisionId: null })
        setQuery({ file: path.trim() })
        notify(`${path.trim()} is added`)
      }}
    >
      <TextField
        label="Path"
        value={path}
        onChange={setPath}
        hint="Below the folder of its instructions, such as notes/style.md."
        isRequired
        isFirst
        maxLength={400}
      />
      <TextField label="Text" value={content} onChange={setContent} rows={10} hint="Each run of the agent follows it." />
    </ActDialog>
  )
}
