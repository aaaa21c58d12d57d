import { useState } from 'react'
import type { ReactNode } from 'react'
import { inBackground } from '../api/background.ts'
import type { ApiProblem } from '../api/client.ts'
import { Dialog } from './Dialog.tsx'
import { Problem } from './Problem.tsx'
import { TextField } from './fields.tsx'

interface ActDialogProps {
  readonly title: string
  /** The words on the button that does it. */
  readonly confirm: string
  /** The words on the button that does nothing; "Cancel" unless the act itself is a cancellation. */
  readonly dismiss?: string
  /** The effect, in sentences or as a list. */
  readonly children?: ReactNode
  /** Whether a reason is asked for, and whether it has to be given. */
  readonly reason?: 'required' | 'optional'
  readonly isDangerous?: boolean
  /** The act cannot be done now: `children` say why. */
  readonly isBlocked?: boolean
  /** Does it. The dialog closes when it has succeeded, and keeps what was typed when it has not. */
  readonly act: (reason: string) => Promise<unknown>
  readonly onClose: () => void
}

/** The one dialog before an act that cannot be taken back easily: what it will do, a reason, the button, the refusal in the server's words. */
export function ActDialog(props: ActDialogProps): ReactNode {
  const { title, confirm, dismiss = 'Cancel', children, reason, isDangerous = false, isBlocked = false, act, onClose } = props
  const [text, setText] = useState('')
  const [problem, setProblem] = useState<ApiProblem | null>(null)
  const [isBusy, setBusy] = useState(false)
  const submit = async (): Promise<void> => {
    setBusy(true)
    setProblem(null)
    try {
      await act(text.trim())
      onClose()
    } catch (error) {
      setProblem(error as ApiProblem)
      setBusy(false)
    }
  }
  return (
    <Dialog title={title} onClose={onClose}>
      <form
        onSubmit={(event) => {
          event.preventDefault()
          inBackground(submit())
        }}
      >
        {children}
        {reason !== undefined && (
          <TextField label="Reason" value={text} onChange={setText} isRequired={reason === 'required'} isFirst maxLength={1000} />
        )}
        {problem !== null && <Problem problem={problem} />}
        <footer>
          <button type="button" className="secondary" onClick={onClose}>
            {dismiss}
          </button>
          <button type="submit" className={isDangerous ? 'danger' : ''} disabled={isBusy || isBlocked}>
            {confirm}
          </button>
        </footer>
      </form>
    </Dialog>
  )
}
