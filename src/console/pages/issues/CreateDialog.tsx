import { useRef, useState } from 'react'
import type { ReactNode } from 'react'
import { inBackground } from '../../api/background.ts'
import { request } from '../../api/client.ts'
import type { ApiProblem } from '../../api/client.ts'
import { newKey } from '../../api/idempotency.ts'
import { useAct } from '../../api/acts.ts'
import type { Issue } from '../../api/types.ts'
import { useCompany, useCompanyPath } from '../../frame/company.tsx'
import { Dialog } from '../../parts/Dialog.tsx'
import { Problem } from '../../parts/Problem.tsx'
import { notify } from '../../parts/notices.tsx'
import { go } from '../../router/location.ts'
import { CreateFields } from './CreateFields.tsx'
import { bodyOf, emptyDraft } from './draft.ts'
import type { Draft } from './draft.ts'
import type { Names } from './names.ts'

interface CreateDialogProps {
  readonly draft: Draft
  readonly onDraft: (draft: Draft) => void
  readonly names: Names
  readonly onClose: () => void
}

/** Writes a new issue. The page keeps the draft, so that one that was closed by mistake is still there. */
export function CreateDialog({ draft, onDraft, names, onClose }: CreateDialogProps): ReactNode {
  const companyId = useCompany().id
  const pathOf = useCompanyPath()
  const [problem, setProblem] = useState<ApiProblem | null>(null)
  const sent = useRef({ text: '', key: '' })
  const create = useAct(['issues', 'figures', 'projects', 'issue'], (given: Draft) => {
    const body = bodyOf(given)
    const text = JSON.stringify(body)
    // The same issue that is sent again after a lost answer is made once.
    if (sent.current.text !== text) sent.current = { text, key: newKey() }
    return request<Issue>('POST', `/companies/${companyId}/issues`, { body, idempotencyKey: sent.current.key })
  })
  const submit = async (opens: boolean): Promise<void> => {
    if (draft.title.trim() === '' || create.isPending) return
    setProblem(null)
    try {
      const { data } = await create.mutateAsync(draft)
      onDraft(emptyDraft)
      onClose()
      notify(`${data.identifier} is created.`)
      if (opens) go(pathOf(`issues/${data.identifier}`))
    } catch (error) {
      setProblem(error as ApiProblem)
    }
  }
  return (
    <Dialog title="Create issue" onClose={onClose}>
      <form
        onSubmit={(event) => {
          event.preventDefault()
          inBackground(submit(false))
        }}
        onKeyDown={(event) => {
          if (event.key === 'Enter' && (event.ctrlKey || event.metaKey)) event.currentTarget.requestSubmit()
        }}
      >
        <CreateFields draft={draft} onDraft={onDraft} names={names} />
        {problem !== null && <Problem problem={problem} />}
        <footer>
          <button type="button" className="secondary" onClick={onClose}>
            Back
          </button>
          <button
            type="button"
            className="secondary"
            disabled={create.isPending}
            onClick={({ currentTarget }) => currentTarget.form?.reportValidity() === true && inBackground(submit(true))}
          >
            Create and open
          </button>
          <button type="submit" disabled={create.isPending} title="Ctrl or ⌘ + Enter">
            Create
          </button>
        </footer>
      </form>
    </Dialog>
  )
}
