import { useState } from 'react'
import type { ReactNode } from 'react'
import { useAct } from '../../../api/acts.ts'
import { inBackground } from '../../../api/background.ts'
import type { IssueDetail } from '../../../api/types.ts'
import { Dialog } from '../../../parts/Dialog.tsx'
import { SelectField, TextField } from '../../../parts/fields.tsx'
import { notify } from '../../../parts/notices.tsx'
import { Problem } from '../../../parts/Problem.tsx'
import { CHANGED, postChild, useAgents } from '../data.ts'
import type { NewChild } from '../data.ts'
import { useSendKey } from '../sendKey.ts'

/** A new issue below this one. With an assignee it is in todo, and the agent is woken. */
export function CreateChild({ issue, onClose }: { readonly issue: IssueDetail; readonly onClose: () => void }): ReactNode {
  const [title, setTitle] = useState('')
  const [description, setDescription] = useState('')
  const [assignee, setAssignee] = useState('')
  const agents = useAgents().filter(({ status }) => status !== 'terminated')
  const { keyFor } = useSendKey()
  const act = useAct([...CHANGED], (child: NewChild) => postChild(issue.id, child, keyFor(child)))
  const submit = async (): Promise<void> => {
    const child: NewChild = {
      title: title.trim(),
      description: description.trim() === '' ? null : description,
      assigneeAgentId: assignee === '' ? null : assignee,
      status: assignee === '' ? 'backlog' : 'todo',
    }
    const { data } = await act.mutateAsync(child)
    notify(`${data.identifier} is created.`)
    onClose()
  }
  return (
    <Dialog title={`Create a child of ${issue.identifier}`} onClose={onClose}>
      <form
        onSubmit={(event) => {
          event.preventDefault()
          inBackground(submit())
        }}
      >
        <TextField label="Title" value={title} onChange={setTitle} isRequired isFirst maxLength={500} />
        <TextField label="Description" value={description} onChange={setDescription} rows={6} hint="Markdown" />
        <SelectField
          label="Assignee"
          value={assignee}
          onChange={setAssignee}
          none="Not assigned: it goes to the backlog"
          choices={agents.map(({ id, name }) => ({ value: id, label: `${name}: it goes to todo, and the agent is woken` }))}
        />
        {act.error !== null && <Problem problem={act.error} />}
        <footer>
          <button type="button" className="secondary" onClick={onClose}>
            Cancel
          </button>
          <button type="submit" disabled={act.isPending}>
            Create
          </button>
        </footer>
      </form>
    </Dialog>
  )
}
