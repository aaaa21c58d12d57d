import { useState } from 'react'
import type { ReactNode } from 'react'
import { Dialog } from '../../parts/Dialog.tsx'
import { TextField } from '../../parts/fields.tsx'
import { notify } from '../../parts/notices.tsx'
import { Link } from '../../router/Link.tsx'
import { builtInViews } from './views.ts'
import type { View, Views } from './views.ts'

interface ViewBarProps {
  readonly path: string
  /** The query of the address, as `queryText` writes it. */
  readonly query: string
  readonly views: Views
}

/** The views as links; the one that is shown can be saved or removed. */
export function ViewBar({ path, query, views }: ViewBarProps): ReactNode {
  const [isSaving, setSaving] = useState(false)
  const isBoard = query.endsWith('layout=board')
  const withLayout = (view: View): View => ({ ...view, query: isBoard ? `${view.query}&layout=board` : view.query })
  const all = [...builtInViews.map(withLayout), ...views.saved]
  const shown = all.find((view) => view.query === query)
  const isOwn = views.saved.some((view) => view === shown)
  return (
    <div className="view-bar">
      <nav aria-label="Views">
        {all.map((view) => (
          <Link key={view.name} to={`${path}?${view.query}`} aria-current={view === shown ? 'page' : undefined}>
            {view.name}
          </Link>
        ))}
      </nav>
      {shown === undefined && (
        <button type="button" className="quiet" onClick={() => setSaving(true)}>
          Save as a view
        </button>
      )}
      {isOwn && shown !== undefined && (
        <button
          type="button"
          className="quiet"
          onClick={() => {
            views.remove(shown.name)
            notify(`The view ${shown.name} is removed. Its filters are still shown.`)
          }}
        >
          Remove the view
        </button>
      )}
      {isSaving && <SaveDialog query={query} views={views} onClose={() => setSaving(false)} />}
    </div>
  )
}

interface SaveDialogProps {
  readonly query: string
  readonly views: Views
  readonly onClose: () => void
}

function SaveDialog({ query, views, onClose }: SaveDialogProps): ReactNode {
  const [name, setName] = useState('')
  const wanted = name.trim()
  const isTaken = builtInViews.some((view) => view.name.toLowerCase() === wanted.toLowerCase())
  const replaces = views.saved.some((view) => view.name === wanted)
  return (
    <Dialog title="Save as a view" onClose={onClose}>
      <form
        onSubmit={(event) => {
          event.preventDefault()
          if (wanted === '' || isTaken) return
          views.save({ name: wanted, query })
          onClose()
        }}
      >
        <p>A view is a name for these filters. This browser keeps it; the address shows the same to every reader.</p>
        <TextField label="Name" value={name} onChange={setName} isRequired isFirst maxLength={40} />
        {isTaken && <p role="alert">There is a view of this name that cannot be replaced. Choose another name.</p>}
        {replaces && <p role="status">It replaces your view of this name.</p>}
        <footer>
          <button type="button" className="secondary" onClick={onClose}>
            Cancel
          </button>
          <button type="submit" disabled={isTaken}>
            Save
          </button>
        </footer>
      </form>
    </Dialog>
  )
}
