import { useEffect } from 'react'
import type { ReactNode } from 'react'

interface PageProps {
  /** The title of the browser's tab, and the heading unless there is another one. */
  readonly title: string
  readonly heading?: ReactNode
  /** What stands above the heading: where the page's subject is. */
  readonly above?: ReactNode
  /** The filters and the one main act, to the right of the title. */
  readonly actions?: ReactNode
  readonly children: ReactNode
}

/** A page: its heading, its acts, its content. The title of the browser's tab follows. */
export function Page({ title, heading = title, above, actions, children }: PageProps): ReactNode {
  useEffect(() => {
    document.title = `${title} · paperclip-server`
  }, [title])
  return (
    <main id="content" tabIndex={-1}>
      {above}
      <header className="page-head">
        <h1>{heading}</h1>
        <div className="page-acts">{actions}</div>
      </header>
      {children}
    </main>
  )
}
