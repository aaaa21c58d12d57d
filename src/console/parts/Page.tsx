import { useEffect, useRef } from 'react'
import type { ReactNode, RefObject } from 'react'

interface PageProps {
  /** The title of the browser's tab, and the heading unless there is another one. */
  readonly title: string
  readonly heading?: ReactNode
  /** The place of the page's subject, above the heading. */
  readonly above?: ReactNode
  /** The filters and the one main act, to the right of the title. */
  readonly actions?: ReactNode
  readonly children: ReactNode
}

/** Whether a page was shown before: at the first one the browser itself says where the reader is. */
let isLater = false

/** Puts the keyboard at the beginning of a page that comes in the place of another, as a browser does with a page of its own. */
function useBeginning(): RefObject<HTMLElement | null> {
  const main = useRef<HTMLElement>(null)
  useEffect(() => {
    const at = document.activeElement
    const isInPage = main.current?.contains(at) === true || (at?.closest('dialog') ?? null) !== null
    if (isLater && !isInPage) main.current?.focus({ preventScroll: true })
    isLater = true
  }, [])
  return main
}

/** A page: its heading, its acts, its content. The title of the browser's tab follows. */
export function Page({ title, heading = title, above, actions, children }: PageProps): ReactNode {
  const main = useBeginning()
  useEffect(() => {
    document.title = `${title} · paperclip-server`
  }, [title])
  return (
    <main id="content" ref={main} tabIndex={-1}>
      {above}
      <header className="page-head">
        <h1>{heading}</h1>
        <div className="page-acts">{actions}</div>
      </header>
      {children}
    </main>
  )
}
