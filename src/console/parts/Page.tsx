import { useEffect } from 'react'
import type { ReactNode } from 'react'

interface PageProps {
  readonly title: string
  /** The filters and the one main act, to the right of the title. */
  readonly actions?: ReactNode
  readonly children: ReactNode
}

/** A page: its heading, its acts, its content. The title of the browser's tab follows. */
export function Page({ title, actions, children }: PageProps): ReactNode {
  useEffect(() => {
    document.title = `${title} · paperclip-server`
  }, [title])
  return (
    <main id="content" tabIndex={-1}>
      <header className="page-head">
        <h1>{title}</h1>
        <div className="page-acts">{actions}</div>
      </header>
      {children}
    </main>
  )
}
