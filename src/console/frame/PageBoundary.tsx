import { Component } from 'react'
import type { ReactNode } from 'react'
import { Page } from '../parts/Page.tsx'

interface PageBoundaryProps {
  readonly children: ReactNode
}

interface PageBoundaryState {
  readonly error: Error | null
}

/** Shows a fault of a page in its place; the rail, the keys and the live updates stay. Give it the address as its `key`. */
export class PageBoundary extends Component<PageBoundaryProps, PageBoundaryState> {
  override state: PageBoundaryState = { error: null }

  static getDerivedStateFromError(error: Error): PageBoundaryState {
    return { error }
  }

  override render(): ReactNode {
    const { error } = this.state
    if (error === null) return this.props.children
    return (
      <Page title="This page cannot be shown">
        <div role="alert" className="problem">
          <p>
            <strong>{error.message}</strong>
          </p>
          <p>The server may be starting again, or has another version of the console now. What you did before is done.</p>
          <button type="button" className="secondary" onClick={() => location.reload()}>
            Load the page again
          </button>
        </div>
      </Page>
    )
  }
}
